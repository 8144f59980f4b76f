#include "text/jinja/parser.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "text/jinja/expression_parser.h"
#include "text/jinja/token_stream.h"
#include "text/jinja/work.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

using Kind = Statement::Kind;
using StatementPtr = std::unique_ptr<Statement>;
using Names = std::vector<absl::string_view>;

class Parser {
 public:
  explicit Parser(TokenStream* stream)
      : stream_(*stream), expressions_(stream) {}

  absl::StatusOr<Body> ParseAll() { return ParseBody({}); }

 private:
  using Rule = absl::Status (Parser::*)(Statement*);
  struct Row {
    absl::string_view name;
    Rule parse;
  };
  static constexpr size_t kNumRows = 10;
  static const Row kRows[kNumRows];

  StatementPtr Make(Kind kind) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->offset = stream_.current().offset;
    return statement;
  }

  // Statements up to a tag of one of the names `ends`, whose opening and name
  // are read; up to the end of the template if there are none.
  absl::StatusOr<Body> ParseBody(const Names& ends) {
    if (++nesting_ > kMaxSyntaxDepth) {
      return stream_.At(absl::ResourceExhaustedError(absl::StrCat(
          "blocks nested more than ", kMaxSyntaxDepth, " levels deep")));
    }
    const size_t start = stream_.current().offset;
    Body body;
    while (stream_.current().kind != TokenKind::kEnd) {
      if (stream_.current().kind == TokenKind::kBlockBegin) {
        stream_.Advance();
        if (AtName(ends)) {
          --nesting_;
          return body;
        }
        OUNCE_ASSIGN_OR_RETURN(body.emplace_back(), ParseStatement());
      } else {
        OUNCE_ASSIGN_OR_RETURN(body.emplace_back(), ParseOutput());
      }
    }
    --nesting_;
    if (ends.empty()) return body;
    return stream_.At(absl::InvalidArgumentError(absl::StrCat(
                          "a block without its {% ",
                          absl::StrJoin(ends, " %} or {% "), " %}")),
                      start);
  }

  bool AtName(const Names& names) const {
    const Token& token = stream_.current();
    return token.kind == TokenKind::kName &&
           std::find(names.begin(), names.end(), token.text) != names.end();
  }

  absl::StatusOr<StatementPtr> ParseOutput() {
    const Token& token = stream_.current();
    if (token.kind == TokenKind::kText) {
      StatementPtr text = Make(Kind::kText);
      text->text = token.text;
      stream_.Advance();
      return text;
    }
    StatementPtr output = Make(Kind::kOutput);
    OUNCE_RETURN_IF_ERROR(stream_.Expect(TokenKind::kVariableBegin));
    OUNCE_ASSIGN_OR_RETURN(output->value, expressions_.ParseTuple());
    OUNCE_RETURN_IF_ERROR(stream_.Expect(TokenKind::kVariableEnd));
    return output;
  }

  // Behind the opening of a block, and past its closing.
  absl::StatusOr<StatementPtr> ParseStatement() {
    StatementPtr statement = Make(Kind::kScope);
    if (stream_.current().kind != TokenKind::kName) {
      return stream_.Unexpected("the name of a statement");
    }
    const std::string name = stream_.current().text;
    const auto row =
        std::find_if(std::begin(kRows), std::end(kRows),
                     [&name](const Row& known) { return known.name == name; });
    if (row == std::end(kRows)) return stream_.At(Refuse(name));
    stream_.Advance();
    OUNCE_RETURN_IF_ERROR((this->*row->parse)(statement.get()));
    OUNCE_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
    return statement;
  }

  static absl::Status Refuse(const std::string& name) {
    constexpr absl::string_view kInner[] = {"elif", "else"};
    if (name.rfind("end", 0) == 0 ||
        std::find(std::begin(kInner), std::end(kInner), name) !=
            std::end(kInner)) {
      return absl::InvalidArgumentError(
          absl::StrCat("{% ", name, " %} without the block it belongs to"));
    }
    Names names;
    for (const Row& row : kRows) names.push_back(row.name);
    return absl::UnimplementedError(
        absl::StrCat("the statement ", Quote(name), "; we have ",
                     absl::StrJoin(names, ", "), " and raw"));
  }

  // The closing of a tag, the statements behind it, and the name that ends
  // them, which is read.
  absl::StatusOr<std::string> ParseInner(const Names& ends, Body* body) {
    OUNCE_RETURN_IF_ERROR(stream_.Expect(TokenKind::kBlockEnd));
    OUNCE_ASSIGN_OR_RETURN(*body, ParseBody(ends));
    return stream_.ExpectName();
  }

  absl::Status ParseIf(Statement* statement) {
    statement->kind = Kind::kIf;
    std::string end = "elif";
    while (end == "elif") {
      Branch& branch = statement->branches.emplace_back();
      OUNCE_ASSIGN_OR_RETURN(branch.condition, expressions_.ParseTuple(false));
      OUNCE_ASSIGN_OR_RETURN(
          end, ParseInner({"elif", "else", "endif"}, &branch.body));
    }
    if (end == "endif") return absl::OkStatus();
    return ParseInner({"endif"}, &statement->otherwise).status();
  }

  absl::Status ParseFor(Statement* statement) {
    statement->kind = Kind::kFor;
    OUNCE_ASSIGN_OR_RETURN(statement->target, expressions_.ParseTarget(false));
    if (!stream_.TakeName("in")) return stream_.Unexpected("'in'");
    OUNCE_ASSIGN_OR_RETURN(statement->value, expressions_.ParseTuple(false));
    if (stream_.TakeName("if")) {
      OUNCE_ASSIGN_OR_RETURN(statement->filter, expressions_.Parse());
    }
    if (stream_.current().IsName("recursive")) {
      return stream_.At(absl::UnimplementedError(
          "'recursive' of a for; write a macro that calls itself"));
    }
    ++loops_;
    OUNCE_ASSIGN_OR_RETURN(const std::string end,
                           ParseInner({"else", "endfor"}, &statement->body));
    --loops_;
    if (end == "endfor") return absl::OkStatus();
    return ParseInner({"endfor"}, &statement->otherwise).status();
  }

  absl::Status ParseSet(Statement* statement) {
    OUNCE_ASSIGN_OR_RETURN(statement->target, expressions_.ParseTarget(true));
    if (stream_.TakeOperator("=")) {
      statement->kind = Kind::kSet;
      OUNCE_ASSIGN_OR_RETURN(statement->value, expressions_.ParseTuple());
      return absl::OkStatus();
    }
    statement->kind = Kind::kSetBlock;
    if (stream_.current().IsOperator("|")) {
      OUNCE_ASSIGN_OR_RETURN(statement->value,
                             expressions_.ParseFilters(Captured(), false));
    }
    return ParseInner({"endset"}, &statement->body).status();
  }

  ExpressionPtr Captured() const {
    auto captured = std::make_unique<Expression>();
    captured->kind = Expression::Kind::kCaptured;
    captured->offset = stream_.current().offset;
    return captured;
  }

  // A loop around a function's definition is not one around its body.
  absl::Status ParseFunctionBody(absl::string_view end, Statement* statement) {
    const int outer = std::exchange(loops_, 0);
    OUNCE_RETURN_IF_ERROR(ParseInner({end}, &statement->body).status());
    loops_ = outer;
    return absl::OkStatus();
  }

  absl::Status ParseParameters(Statement* statement) {
    OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("("));
    while (!stream_.current().IsOperator(")")) {
      Parameter& parameter = statement->parameters.emplace_back();
      OUNCE_ASSIGN_OR_RETURN(parameter.name, stream_.ExpectName());
      if (stream_.TakeOperator("=")) {
        OUNCE_ASSIGN_OR_RETURN(parameter.fallback, expressions_.Parse());
      } else if (statement->parameters.size() > 1 &&
                 statement->parameters.end()[-2].fallback != nullptr) {
        return stream_.Unexpected("a default, as the parameter before has one");
      }
      if (!stream_.TakeOperator(",")) break;
    }
    return stream_.ExpectOperator(")");
  }

  absl::Status ParseMacro(Statement* statement) {
    statement->kind = Kind::kMacro;
    OUNCE_ASSIGN_OR_RETURN(statement->text, stream_.ExpectName());
    OUNCE_RETURN_IF_ERROR(ParseParameters(statement));
    return ParseFunctionBody("endmacro", statement);
  }

  absl::Status ParseCallBlock(Statement* statement) {
    statement->kind = Kind::kCallBlock;
    statement->text = "caller";
    if (stream_.current().IsOperator("(")) {
      OUNCE_RETURN_IF_ERROR(ParseParameters(statement));
    }
    OUNCE_ASSIGN_OR_RETURN(statement->value, expressions_.Parse());
    if (statement->value->kind != Expression::Kind::kCall) {
      return stream_.Unexpected("a call behind 'call'");
    }
    return ParseFunctionBody("endcall", statement);
  }

  absl::Status ParseFilterBlock(Statement* statement) {
    statement->kind = Kind::kFilterBlock;
    OUNCE_ASSIGN_OR_RETURN(statement->value,
                           expressions_.ParseFilters(Captured(), true));
    return ParseInner({"endfilter"}, &statement->body).status();
  }

  absl::Status ParseWith(Statement* statement) {
    statement->kind = Kind::kWith;
    while (stream_.current().kind != TokenKind::kBlockEnd) {
      Target target;
      target.offset = stream_.current().offset;
      OUNCE_ASSIGN_OR_RETURN(target.name, stream_.ExpectName());
      OUNCE_RETURN_IF_ERROR(stream_.ExpectOperator("="));
      OUNCE_ASSIGN_OR_RETURN(ExpressionPtr value, expressions_.Parse());
      statement->assignments.emplace_back(std::move(target), std::move(value));
      if (!stream_.TakeOperator(",")) break;
    }
    return ParseInner({"endwith"}, &statement->body).status();
  }

  // transformers' mark around what the assistant says; it shows in no text.
  absl::Status ParseGeneration(Statement* statement) {
    return ParseFunctionBody("endgeneration", statement);
  }

  absl::Status ParseLoopControl(Kind kind, Statement* statement) {
    if (loops_ == 0) {
      return stream_.At(
          absl::InvalidArgumentError("a break or continue outside of a for"),
          statement->offset);
    }
    statement->kind = kind;
    return absl::OkStatus();
  }
  absl::Status ParseBreak(Statement* statement) {
    return ParseLoopControl(Kind::kBreak, statement);
  }
  absl::Status ParseContinue(Statement* statement) {
    return ParseLoopControl(Kind::kContinue, statement);
  }

  TokenStream& stream_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;
};

const Parser::Row Parser::kRows[kNumRows] = {
    {"if", &Parser::ParseIf},          {"for", &Parser::ParseFor},
    {"set", &Parser::ParseSet},        {"macro", &Parser::ParseMacro},
    {"call", &Parser::ParseCallBlock}, {"filter", &Parser::ParseFilterBlock},
    {"with", &Parser::ParseWith},      {"generation", &Parser::ParseGeneration},
    {"break", &Parser::ParseBreak},    {"continue", &Parser::ParseContinue},
};

}  // namespace

absl::StatusOr<Body> ParseTemplate(absl::string_view source) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  TokenStream stream(source, std::move(tokens));
  return Parser(&stream).ParseAll();
}

}  // namespace ounce::jinja
