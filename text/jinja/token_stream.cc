#include "text/jinja/token_stream.h"

#include "absl/strings/str_cat.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

absl::string_view KindName(TokenKind kind) {
  switch (kind) {
    case TokenKind::kText:
      return "text";
    case TokenKind::kVariableBegin:
      return "{{";
    case TokenKind::kVariableEnd:
      return "}}";
    case TokenKind::kBlockBegin:
      return "{%";
    case TokenKind::kBlockEnd:
      return "%}";
    case TokenKind::kName:
      return "a name";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return "a number";
    case TokenKind::kOperator:
      return "an operator";
    case TokenKind::kEnd:
      return "the end of the template";
  }
  return "";
}

}  // namespace

std::string Describe(const Token& token) {
  if (token.kind == TokenKind::kName || token.kind == TokenKind::kOperator ||
      token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) {
    return absl::StrCat("'", token.text, "'");
  }
  if (token.kind == TokenKind::kString) {
    return absl::StrCat("the string ", Quote(token.text));
  }
  return std::string(KindName(token.kind));
}

bool TokenStream::TakeOperator(absl::string_view value) {
  if (!current().IsOperator(value)) return false;
  Advance();
  return true;
}

bool TokenStream::TakeName(absl::string_view value) {
  if (!current().IsName(value)) return false;
  Advance();
  return true;
}

absl::Status TokenStream::ExpectOperator(absl::string_view value) {
  if (TakeOperator(value)) return absl::OkStatus();
  return Unexpected(absl::StrCat("'", value, "'"));
}

absl::Status TokenStream::Expect(TokenKind kind) {
  if (current().kind != kind) return Unexpected(KindName(kind));
  Advance();
  return absl::OkStatus();
}

absl::StatusOr<std::string> TokenStream::ExpectName() {
  if (current().kind != TokenKind::kName) return Unexpected("a name");
  std::string name = current().text;
  Advance();
  return name;
}

absl::Status TokenStream::Unexpected(absl::string_view expected) const {
  return At(absl::InvalidArgumentError(absl::StrCat(
      "unexpected ", Describe(current()), "; expected ", expected)));
}

}  // namespace ounce::jinja
