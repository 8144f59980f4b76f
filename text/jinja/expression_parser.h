// Parses what stands inside the tags of a template.
// Source: jinja2 3.1, whose grammar and precedences these are.
#ifndef OUNCE_TEXT_JINJA_EXPRESSION_PARSER_H_
#define OUNCE_TEXT_JINJA_EXPRESSION_PARSER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/syntax.h"
#include "text/jinja/token_stream.h"

namespace ounce::jinja {

// All methods fail with kInvalidArgument (no such syntax), kUnimplemented (one
// that we do not have) or kResourceExhausted (nested too deep), each with its
// place.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream* stream) : stream_(*stream) {}

  // One expression.  Without `conditional`, `if` ends it.
  absl::StatusOr<ExpressionPtr> Parse(bool conditional = true);
  // Expressions with commas between them make a tuple.
  absl::StatusOr<ExpressionPtr> ParseTuple(bool conditional = true);
  // Of `set`, `for` and `with`.  Only with `may_be_attribute` may it be
  // `name.attribute`.
  absl::StatusOr<Target> ParseTarget(bool may_be_attribute);
  // `name | name ...` applied to `input`; the first filter has no bar before it
  // when `bare`.
  absl::StatusOr<ExpressionPtr> ParseFilters(ExpressionPtr input, bool bare);

 private:
  using Kind = Expression::Kind;

  absl::StatusOr<ExpressionPtr> ParseOr();
  absl::StatusOr<ExpressionPtr> ParseAnd();
  absl::StatusOr<ExpressionPtr> ParseNot();
  absl::StatusOr<ExpressionPtr> ParseCompare();
  absl::StatusOr<ExpressionPtr> ParseSum();
  absl::StatusOr<ExpressionPtr> ParseJoin();
  absl::StatusOr<ExpressionPtr> ParseProduct();
  absl::StatusOr<ExpressionPtr> ParsePower();
  absl::StatusOr<ExpressionPtr> ParseUnary(bool with_filters);
  absl::StatusOr<ExpressionPtr> ParsePrimary();
  absl::StatusOr<ExpressionPtr> ParseConstant();
  absl::StatusOr<ExpressionPtr> ParseParentheses();
  absl::StatusOr<ExpressionPtr> ParseList();
  absl::StatusOr<ExpressionPtr> ParseDict();
  absl::StatusOr<ExpressionPtr> ParsePostfix(ExpressionPtr object);
  absl::StatusOr<ExpressionPtr> ParseAttribute(ExpressionPtr object);
  absl::StatusOr<ExpressionPtr> ParseItem(ExpressionPtr object);
  absl::StatusOr<ExpressionPtr> ParseCall(ExpressionPtr callee);
  absl::StatusOr<ExpressionPtr> ParseFiltersAndTests(ExpressionPtr input);
  absl::StatusOr<ExpressionPtr> ParseFilter(ExpressionPtr input);
  absl::StatusOr<ExpressionPtr> ParseTest(ExpressionPtr input);
  absl::StatusOr<CallSyntax> ParseArguments();
  absl::StatusOr<Target> ParseTargetPart();
  bool TakeComparison(std::string* symbol);
  bool AtTupleEnd() const;

  // A left-associative chain of binary operators.
  using Level = absl::StatusOr<ExpressionPtr> (ExpressionParser::*)();
  absl::StatusOr<ExpressionPtr> ParseChain(
      Level operand, const std::vector<absl::string_view>& symbols);

  ExpressionPtr Make(Kind kind) const;
  // `node`, its depth known, once its parts are there.
  absl::StatusOr<ExpressionPtr> Finish(ExpressionPtr node) const;
  absl::StatusOr<ExpressionPtr> Finish(Kind kind, ExpressionPtr first,
                                       ExpressionPtr second = nullptr) const;

  TokenStream& stream_;
  int nesting_ = 0;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_EXPRESSION_PARSER_H_
