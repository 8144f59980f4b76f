// Cuts a Jinja template into tokens, with the whitespace control that chat
// templates are rendered with: trim_blocks and lstrip_blocks on,
// keep_trailing_newline off.
// Source: jinja2 3.1, whose default delimiters these are.
#ifndef OUNCE_TEXT_JINJA_LEXER_H_
#define OUNCE_TEXT_JINJA_LEXER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce::jinja {

enum class TokenKind : uint8_t {
  kText,           // Outside of any tag; never empty.
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // `text` is its value, without quotes and escapes.
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  uint32_t offset = 0;  // In the prepared source, bytes.

  bool Is(TokenKind other, absl::string_view value) const {
    return kind == other && text == value;
  }
  bool IsName(absl::string_view value) const {
    return Is(TokenKind::kName, value);
  }
  bool IsOperator(absl::string_view value) const {
    return Is(TokenKind::kOperator, value);
  }
};

// `text` with every line end as one \n, and without the last.
std::string PrepareSource(absl::string_view text);

// Adds "line L, column C: ", both from 1 and of a prepared source, to an error.
absl::Status AnnotatePlace(const absl::Status& status, absl::string_view source,
                           size_t offset);

// The tokens of a prepared source, ended by one of kEnd.  Comments are dropped,
// `raw` blocks become text.  kInvalidArgument with the place: a tag, string or
// bracket without its end, or a character that starts no token.
// REQUIRES: `source` is valid UTF-8 and shorter than 4 GiB.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_LEXER_H_
