// Where in a text its tokens stand.  A tokenizer may change case, drop accents
// and white space and does not say what became of which character, so tokens
// are looked for by how they read.
#ifndef OUNCE_TOOLS_TOKEN_SPANS_H_
#define OUNCE_TOOLS_TOKEN_SPANS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

struct TokenSpan {
  int64_t begin = 0;  // In characters (code points): [begin, end).
  int64_t end = 0;
  std::string text;  // What stands there.
};

// The spans of `tokens`, as each reads when it is decoded alone, in the order
// of the text.  Case, accents, compatibility forms, white space and the "##" of
// WordPiece make no difference.  nullopt: a token is not found, say because its
// characters were replaced.  What is no UTF-8 in `text` counts as U+FFFD.
std::vector<std::optional<TokenSpan>> FindTokenSpans(
    absl::string_view text, absl::Span<const std::string> tokens);

}  // namespace ounce

#endif  // OUNCE_TOOLS_TOKEN_SPANS_H_
