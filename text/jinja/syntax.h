// The syntax tree of a template.
#ifndef OUNCE_TEXT_JINJA_SYNTAX_H_
#define OUNCE_TEXT_JINJA_SYNTAX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace ounce::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<std::unique_ptr<Statement>>;

struct CallSyntax {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional;  // * and a list; null: none.
  ExpressionPtr more_named;       // ** and a dict; null: none.
};

struct Expression {
  enum class Kind : uint8_t {
    kConstant,   // `constant`
    kName,       // `name`
    kCaptured,   // The text of the block that a filter is applied to.
    kList,       // `parts`
    kTuple,      // `parts`
    kDict,       // `parts`: key, value, key, value ...
    kAttribute,  // parts[0] . name
    kItem,       // parts[0] [ parts[1] ]
    kSlice,      // parts[0] [ parts[1] : parts[2] : parts[3] ], null if absent
    kCall,       // parts[0] ( call )
    kFilter,     // parts[0] | name ( call )
    kTest,       // parts[0] is name ( call )
    kNot,        // not parts[0]
    kNegate,     // - parts[0]
    kPlus,       // + parts[0]
    kAnd,        // parts[0] and parts[1]
    kOr,         // parts[0] or parts[1]
    kCalculate,  // parts[0] name parts[1]
    kCompare,    // parts[0] symbols[0] parts[1] symbols[1] parts[2] ...
    kJoin,       // parts[0] ~ parts[1] ~ ...
    kCondition,  // parts[0] if parts[1] else parts[2], which may be absent
  };
  Kind kind = Kind::kConstant;
  uint32_t offset = 0;  // In the source.
  int depth = 1;        // 1 more than the deepest part.
  std::string name;
  Value constant;
  std::vector<ExpressionPtr> parts;
  std::vector<std::string> symbols;
  CallSyntax call;
};

// What an assignment sets: `name`, `name.attribute`, or a tuple of targets.
struct Target {
  std::string name;
  std::string attribute;
  std::vector<Target> parts;  // Not empty: a tuple.
  uint32_t offset = 0;
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  // Null: none.
};

struct Branch {
  ExpressionPtr condition;
  Body body;
};

struct Statement {
  enum class Kind : uint8_t {
    kText,         // `text`
    kOutput,       // {{ value }}
    kIf,           // `branches`, else `otherwise`
    kFor,          // target in value if filter: body, else `otherwise`
    kSet,          // target = value
    kSetBlock,     // target = the text of body, through value (filters) if any
    kMacro,        // text ( parameters ): body
    kCallBlock,    // value, a call, whose caller ( parameters ) is body
    kFilterBlock,  // value applied to the text of body
    kWith,         // `assignments`, then body
    kScope,        // body: a `generation` block
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  uint32_t offset = 0;
  std::string text;
  ExpressionPtr value;
  ExpressionPtr filter;
  Target target;
  std::vector<Branch> branches;
  std::vector<Parameter> parameters;
  std::vector<std::pair<Target, ExpressionPtr>> assignments;
  Body body;
  Body otherwise;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_SYNTAX_H_
