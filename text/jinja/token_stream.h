// The tokens of a template, one ahead of the parser.
#ifndef OUNCE_TEXT_JINJA_TOKEN_STREAM_H_
#define OUNCE_TEXT_JINJA_TOKEN_STREAM_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/lexer.h"

namespace ounce::jinja {

class TokenStream {
 public:
  // `source` is what `tokens` were cut from; it must outlive this.
  TokenStream(absl::string_view source, std::vector<Token> tokens)
      : source_(source), tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  // The one behind `current()`.
  const Token& next() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  // Goes on by one; at the end it stays.
  void Advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  // Goes on if the current token is this.
  bool TakeOperator(absl::string_view value);
  bool TakeName(absl::string_view value);

  // Goes on, or kInvalidArgument saying what was expected instead.
  absl::Status ExpectOperator(absl::string_view value);
  absl::Status Expect(TokenKind kind);
  absl::StatusOr<std::string> ExpectName();

  // "unexpected X; expected `expected`", at the current token.
  absl::Status Unexpected(absl::string_view expected) const;
  // `status` with the place of the current token, or of `offset`.
  absl::Status At(const absl::Status& status) const {
    return At(status, current().offset);
  }
  absl::Status At(const absl::Status& status, size_t offset) const {
    return AnnotatePlace(status, source_, offset);
  }

 private:
  const absl::string_view source_;
  const std::vector<Token> tokens_;
  size_t at_ = 0;
};

// How a message names a token.
std::string Describe(const Token& token);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_TOKEN_STREAM_H_
