#include "text/jinja/expression_parser.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/literal.h"
#include "text/jinja/work.h"

namespace ounce::jinja {
namespace {

absl::Status TooDeep() {
  return absl::ResourceExhaustedError(absl::StrCat(
      "an expression nested more than ", kMaxSyntaxDepth, " levels deep"));
}

}  // namespace

ExpressionPtr ExpressionParser::Make(Kind kind) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->offset = stream_.current().offset;
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Finish(
    ExpressionPtr node) const {
  int depth = 0;
  const auto look = [&depth](const ExpressionPtr& part) {
    if (part != nullptr) depth = std::max(depth, part->depth);
  };
  for (const ExpressionPtr& part : node->parts) look(part);
  for (const ExpressionPtr& part : node->call.positional) look(part);
  for (const auto& [name, part] : node->call.named) look(part);
  look(node->call.more_positional);
  look(node->call.more_named);
  node->depth = depth + 1;
  if (node->depth > kMaxSyntaxDepth) return stream_.At(TooDeep(), node->offset);
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Finish(
    Kind kind, ExpressionPtr first, ExpressionPtr second) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->offset = first->offset;
  node->parts.push_back(std::move(first));
  if (second != nullptr) node->parts.push_back(std::move(second));
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::Parse(bool conditional) {
  if (++nesting_ > kMaxSyntaxDepth) return stream_.At(TooDeep());
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr node, ParseOr());
  while (conditional && stream_.TakeName("if")) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr condition, ParseOr());
    ExpressionPtr otherwise;
    if (stream_.TakeName("else")) {
      OUNCE_ASSIGN_OR_RETURN(otherwise, Parse());
    }
    auto choice = std::make_unique<Expression>();
    choice->kind = Kind::kCondition;
    choice->offset = node->offset;
    choice->parts.push_back(std::move(node));
    choice->parts.push_back(std::move(condition));
    choice->parts.push_back(std::move(otherwise));
    OUNCE_ASSIGN_OR_RETURN(node, Finish(std::move(choice)));
  }
  --nesting_;
  return node;
}

bool ExpressionParser::AtTupleEnd() const {
  const Token& token = stream_.current();
  return token.kind == TokenKind::kVariableEnd ||
         token.kind == TokenKind::kBlockEnd || token.IsOperator(")");
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTuple(bool conditional) {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr first, Parse(conditional));
  if (!stream_.current().IsOperator(",")) return first;
  auto tuple = std::make_unique<Expression>();
  tuple->kind = Kind::kTuple;
  tuple->offset = first->offset;
  tuple->parts.push_back(std::move(first));
  while (stream_.TakeOperator(",")) {
    if (AtTupleEnd()) break;
    OUNCE_ASSIGN_OR_RETURN(tuple->parts.emplace_back(), Parse(conditional));
  }
  return Finish(std::move(tuple));
}

absl::StatusOr<Target> ExpressionParser::ParseTargetPart() {
  if (stream_.TakeOperator("(")) {
    if (++nesting_ > kMaxSyntaxDepth) return stream_.At(TooDeep());
    OUNCE_ASSIGN_OR_RETURN(Target target, ParseTarget(false));
    --nesting_;
    OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator(")"));
    return target;
  }
  Target target;
  target.offset = stream_.current().offset;
  OUNCE_ASSIGN_OR_RETURN(target.name, stream_.ExpectName());
  return target;
}

absl::StatusOr<Target> ExpressionParser::ParseTarget(bool may_be_attribute) {
  OUNCE_ASSIGN_OR_RETURN(Target first, ParseTargetPart());
  if (may_be_attribute && first.parts.empty() && stream_.TakeOperator(".")) {
    OUNCE_ASSIGN_OR_RETURN(first.attribute, stream_.ExpectName());
    return first;
  }
  if (!stream_.current().IsOperator(",")) return first;
  Target tuple;
  tuple.offset = first.offset;
  tuple.parts.push_back(std::move(first));
  while (stream_.TakeOperator(",")) {
    const Token& token = stream_.current();
    if (token.IsOperator("=") || token.IsName("in") || AtTupleEnd()) break;
    OUNCE_ASSIGN_OR_RETURN(tuple.parts.emplace_back(), ParseTargetPart());
  }
  return tuple;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseOr() {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr left, ParseAnd());
  while (stream_.TakeName("or")) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr right, ParseAnd());
    OUNCE_ASSIGN_OR_RETURN(
        left, Finish(Kind::kOr, std::move(left), std::move(right)));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseAnd() {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr left, ParseNot());
  while (stream_.TakeName("and")) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr right, ParseNot());
    OUNCE_ASSIGN_OR_RETURN(
        left, Finish(Kind::kAnd, std::move(left), std::move(right)));
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseNot() {
  if (!stream_.current().IsName("not")) return ParseCompare();
  ExpressionPtr node = Make(Kind::kNot);
  stream_.Advance();
  if (++nesting_ > kMaxSyntaxDepth) return stream_.At(TooDeep());
  OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), ParseNot());
  --nesting_;
  return Finish(std::move(node));
}

bool ExpressionParser::TakeComparison(std::string* symbol) {
  const Token& token = stream_.current();
  if (token.IsName("not") && stream_.next().IsName("in")) {
    *symbol = "not in";
    stream_.Advance();
    stream_.Advance();
    return true;
  }
  constexpr absl::string_view kSymbols[] = {"==", "!=", "<", "<=", ">", ">="};
  const bool is_symbol = token.kind == TokenKind::kOperator &&
                         std::find(std::begin(kSymbols), std::end(kSymbols),
                                   token.text) != std::end(kSymbols);
  if (!is_symbol && !token.IsName("in")) return false;
  *symbol = token.text;
  stream_.Advance();
  return true;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseCompare() {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr first, ParseSum());
  std::string symbol;
  if (!TakeComparison(&symbol)) return first;
  auto node = std::make_unique<Expression>();
  node->kind = Kind::kCompare;
  node->offset = first->offset;
  node->parts.push_back(std::move(first));
  do {
    node->symbols.push_back(symbol);
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), ParseSum());
  } while (TakeComparison(&symbol));
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseChain(
    Level operand, const std::vector<absl::string_view>& symbols) {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr left, (this->*operand)());
  while (stream_.current().kind == TokenKind::kOperator) {
    const std::string symbol = stream_.current().text;
    if (std::find(symbols.begin(), symbols.end(), symbol) == symbols.end()) {
      break;
    }
    stream_.Advance();
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr right, (this->*operand)());
    OUNCE_ASSIGN_OR_RETURN(
        left, Finish(Kind::kCalculate, std::move(left), std::move(right)));
    left->name = symbol;
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseSum() {
  return ParseChain(&ExpressionParser::ParseJoin, {"+", "-"});
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseJoin() {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr first, ParseProduct());
  if (!stream_.current().IsOperator("~")) return first;
  auto node = std::make_unique<Expression>();
  node->kind = Kind::kJoin;
  node->offset = first->offset;
  node->parts.push_back(std::move(first));
  while (stream_.TakeOperator("~")) {
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), ParseProduct());
  }
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseProduct() {
  return ParseChain(&ExpressionParser::ParsePower, {"*", "/", "//", "%"});
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePower() {
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr left, ParseUnary(true));
  while (stream_.TakeOperator("**")) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr right, ParseUnary(true));
    OUNCE_ASSIGN_OR_RETURN(
        left, Finish(Kind::kCalculate, std::move(left), std::move(right)));
    left->name = "**";
  }
  return left;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseUnary(bool with_filters) {
  if (++nesting_ > kMaxSyntaxDepth) return stream_.At(TooDeep());
  const Token& token = stream_.current();
  ExpressionPtr node;
  if (token.IsOperator("-") || token.IsOperator("+")) {
    node = Make(token.IsOperator("-") ? Kind::kNegate : Kind::kPlus);
    stream_.Advance();
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), ParseUnary(false));
    OUNCE_ASSIGN_OR_RETURN(node, Finish(std::move(node)));
  } else {
    OUNCE_ASSIGN_OR_RETURN(node, ParsePrimary());
  }
  OUNCE_ASSIGN_OR_RETURN(node, ParsePostfix(std::move(node)));
  if (with_filters) {
    OUNCE_ASSIGN_OR_RETURN(node, ParseFiltersAndTests(std::move(node)));
  }
  --nesting_;
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePrimary() {
  const Token& token = stream_.current();
  if (token.IsOperator("(")) return ParseParentheses();
  if (token.IsOperator("[")) return ParseList();
  if (token.IsOperator("{")) return ParseDict();
  if (token.kind != TokenKind::kName) return ParseConstant();
  ExpressionPtr node = Make(Kind::kConstant);
  const std::string& name = token.text;
  if (name == "true" || name == "True") {
    node->constant = true;
  } else if (name == "false" || name == "False") {
    node->constant = false;
  } else if (name == "none" || name == "None") {
    node->constant = None{};
  } else {
    node->kind = Kind::kName;
    node->name = name;
  }
  stream_.Advance();
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseConstant() {
  ExpressionPtr node = Make(Kind::kConstant);
  const Token& token = stream_.current();
  if (token.kind == TokenKind::kString) {
    std::string text;
    // Strings side by side are one.
    for (; stream_.current().kind == TokenKind::kString; stream_.Advance()) {
      text += stream_.current().text;
    }
    node->constant = Value(std::move(text));
    return node;
  }
  if (token.kind == TokenKind::kFloat) {
    node->constant = ParsePythonFloat(token.text).value_or(0);
  } else if (token.kind == TokenKind::kInteger) {
    const char letter = token.text.size() > 1 ? token.text[1] | 0x20 : '\0';
    const int base = letter == 'x'   ? 16
                     : letter == 'o' ? 8
                     : letter == 'b' ? 2
                                     : 10;
    const auto value = ParsePythonInt(token.text, base);
    if (!value.ok()) return stream_.At(value.status());
    node->constant = value->value_or(0);
  } else {
    return stream_.Unexpected("an expression");
  }
  stream_.Advance();
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseParentheses() {
  ExpressionPtr empty = Make(Kind::kTuple);
  stream_.Advance();
  if (stream_.TakeOperator(")")) return empty;
  OUNCE_ASSIGN_OR_RETURN(ExpressionPtr node, ParseTuple());
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator(")"));
  return node;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseList() {
  ExpressionPtr node = Make(Kind::kList);
  stream_.Advance();
  while (!stream_.current().IsOperator("]")) {
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), Parse());
    if (!stream_.TakeOperator(",")) break;
  }
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("]"));
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseDict() {
  ExpressionPtr node = Make(Kind::kDict);
  stream_.Advance();
  while (!stream_.current().IsOperator("}")) {
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), Parse());
    OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator(":"));
    OUNCE_ASSIGN_OR_RETURN(node->parts.emplace_back(), Parse());
    if (!stream_.TakeOperator(",")) break;
  }
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("}"));
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParsePostfix(
    ExpressionPtr object) {
  while (true) {
    const Token& token = stream_.current();
    if (token.IsOperator(".")) {
      OUNCE_ASSIGN_OR_RETURN(object, ParseAttribute(std::move(object)));
    } else if (token.IsOperator("[")) {
      OUNCE_ASSIGN_OR_RETURN(object, ParseItem(std::move(object)));
    } else if (token.IsOperator("(")) {
      OUNCE_ASSIGN_OR_RETURN(object, ParseCall(std::move(object)));
    } else {
      return object;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseAttribute(
    ExpressionPtr object) {
  stream_.Advance();
  const Token& token = stream_.current();
  if (token.kind == TokenKind::kInteger) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr index, ParseConstant());
    return Finish(Kind::kItem, std::move(object), std::move(index));
  }
  ExpressionPtr node = Make(Kind::kAttribute);
  OUNCE_ASSIGN_OR_RETURN(node->name, stream_.ExpectName());
  node->parts.push_back(std::move(object));
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseItem(
    ExpressionPtr object) {
  ExpressionPtr node = Make(Kind::kSlice);
  stream_.Advance();
  node->parts.push_back(std::move(object));
  // Up to three bounds between colons; one without a colon is a key.
  bool slice = false;
  while (node->parts.size() < 4) {
    ExpressionPtr bound;
    const Token& token = stream_.current();
    if (!token.IsOperator(":") && !token.IsOperator("]")) {
      OUNCE_ASSIGN_OR_RETURN(bound, Parse());
    }
    node->parts.push_back(std::move(bound));
    if (!stream_.TakeOperator(":")) break;
    slice = true;
  }
  if (stream_.current().IsOperator(",")) {
    return stream_.At(absl::UnimplementedError(
        "several indices in one pair of brackets; we have one, or a slice"));
  }
  if (!slice) {
    node->kind = Kind::kItem;
    if (node->parts[1] == nullptr) return stream_.Unexpected("an index");
  }
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("]"));
  if (slice) node->parts.resize(4);
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseCall(
    ExpressionPtr callee) {
  auto node = std::make_unique<Expression>();
  node->kind = Kind::kCall;
  node->offset = callee->offset;
  node->parts.push_back(std::move(callee));
  OUNCE_ASSIGN_OR_RETURN(node->call, ParseArguments());
  return Finish(std::move(node));
}

absl::StatusOr<CallSyntax> ExpressionParser::ParseArguments() {
  CallSyntax call;
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("("));
  while (!stream_.current().IsOperator(")")) {
    const Token& token = stream_.current();
    if (token.IsOperator("*") || token.IsOperator("**")) {
      ExpressionPtr& more =
          token.IsOperator("*") ? call.more_positional : call.more_named;
      if (more != nullptr || call.more_named != nullptr) {
        return stream_.Unexpected("')'");
      }
      stream_.Advance();
      OUNCE_ASSIGN_OR_RETURN(more, Parse());
      if (!stream_.TakeOperator(",")) break;
      continue;
    }
    if (token.kind == TokenKind::kName && stream_.next().IsOperator("=")) {
      std::string name = token.text;
      stream_.Advance();
      stream_.Advance();
      OUNCE_ASSIGN_OR_RETURN(ExpressionPtr value, Parse());
      call.named.emplace_back(std::move(name), std::move(value));
    } else if (!call.named.empty() || call.more_positional != nullptr ||
               call.more_named != nullptr) {
      return stream_.Unexpected("an argument with a name, as those before it");
    } else {
      OUNCE_ASSIGN_OR_RETURN(call.positional.emplace_back(), Parse());
    }
    if (!stream_.TakeOperator(",")) break;
  }
  OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator(")"));
  return call;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFiltersAndTests(
    ExpressionPtr input) {
  while (true) {
    const Token& token = stream_.current();
    if (token.IsOperator("|")) {
      stream_.Advance();
      OUNCE_ASSIGN_OR_RETURN(input, ParseFilter(std::move(input)));
    } else if (token.IsName("is")) {
      OUNCE_ASSIGN_OR_RETURN(input, ParseTest(std::move(input)));
    } else if (token.IsOperator("(")) {
      OUNCE_ASSIGN_OR_RETURN(input, ParseCall(std::move(input)));
    } else {
      return input;
    }
  }
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFilters(
    ExpressionPtr input, bool bare) {
  while (std::exchange(bare, false) || stream_.TakeOperator("|")) {
    OUNCE_ASSIGN_OR_RETURN(input, ParseFilter(std::move(input)));
  }
  return input;
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseFilter(
    ExpressionPtr input) {
  ExpressionPtr node = Make(Kind::kFilter);
  OUNCE_ASSIGN_OR_RETURN(node->name, stream_.ExpectName());
  node->parts.push_back(std::move(input));
  if (stream_.current().IsOperator("(")) {
    OUNCE_ASSIGN_OR_RETURN(node->call, ParseArguments());
  }
  return Finish(std::move(node));
}

absl::StatusOr<ExpressionPtr> ExpressionParser::ParseTest(ExpressionPtr input) {
  stream_.Advance();
  const bool negated = stream_.TakeName("not");
  ExpressionPtr node = Make(Kind::kTest);
  OUNCE_ASSIGN_OR_RETURN(node->name, stream_.ExpectName());
  node->parts.push_back(std::move(input));
  const Token& token = stream_.current();
  const bool opens = token.IsOperator("[") || token.IsOperator("{");
  const bool word = token.kind == TokenKind::kName && !token.IsName("else") &&
                    !token.IsName("or") && !token.IsName("and");
  if (token.IsOperator("(")) {
    OUNCE_ASSIGN_OR_RETURN(node->call, ParseArguments());
  } else if (token.IsName("is")) {
    return stream_.Unexpected("the end of a test; tests cannot be chained");
  } else if (word || opens || token.kind == TokenKind::kString ||
             token.kind == TokenKind::kInteger ||
             token.kind == TokenKind::kFloat) {
    OUNCE_ASSIGN_OR_RETURN(ExpressionPtr argument, ParsePrimary());
    OUNCE_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    node->call.positional.push_back(std::move(argument));
  }
  OUNCE_ASSIGN_OR_RETURN(node, Finish(std::move(node)));
  if (!negated) return node;
  return Finish(Kind::kNot, std::move(node));
}

}  // namespace ounce::jinja
