// Parses a whole template.
// Source: jinja2 3.1.
#ifndef OUNCE_TEXT_JINJA_PARSER_H_
#define OUNCE_TEXT_JINJA_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/syntax.h"

namespace ounce::jinja {

// The statements of a prepared source (lexer.h).  Errors as Tokenize() and
// ExpressionParser; a statement that we do not have is kUnimplemented with its
// place and the list of those we have.
absl::StatusOr<Body> ParseTemplate(absl::string_view source);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_PARSER_H_
