// The expressions of interpreter.h.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/attributes.h"
#include "text/jinja/filters.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/jinja/tests.h"

namespace ounce::jinja {

using Kind = Expression::Kind;

absl::StatusOr<Value> Interpreter::Evaluate(const Expression& node,
                                            const ScopePtr& scope) {
  absl::Status status = work_.Spend(kUnitsPerNode);
  if (depth_ >= kMaxEvaluationDepth) {
    status = absl::ResourceExhaustedError(
        "macros call each other too deep; is there a recursion without end?");
  }
  if (!status.ok()) return Located(status, node.offset);
  ++depth_;
  absl::StatusOr<Value> value = EvaluateKind(node, scope);
  --depth_;
  if (!value.ok()) return Located(value.status(), node.offset);
  return value;
}

absl::StatusOr<Value> Interpreter::EvaluateKind(const Expression& node,
                                                const ScopePtr& scope) {
  switch (node.kind) {
    case Kind::kConstant:
      return node.constant;
    case Kind::kName:
      return Lookup(node.name, *scope);
    case Kind::kCaptured:
      return captured_.back();
    case Kind::kDict:
      return EvaluateDict(node, scope);
    case Kind::kSlice:
      return EvaluateSlice(node, scope);
    case Kind::kCall:
      return EvaluateCall(node, scope);
    case Kind::kAnd:
    case Kind::kOr:
      return EvaluateLogic(node, scope);
    case Kind::kCompare:
      return EvaluateCompare(node, scope);
    case Kind::kCondition:
      return EvaluateCondition(node, scope);
    default:
      return EvaluateParts(node, scope);
  }
}

// The kinds that evaluate all of their parts, from left to right.
absl::StatusOr<Value> Interpreter::EvaluateParts(const Expression& node,
                                                 const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> parts,
                         EvaluateAll(node.parts, scope));
  switch (node.kind) {
    case Kind::kList:
      return MakeSequence(SequenceKind::kList, std::move(parts));
    case Kind::kTuple:
      return MakeSequence(SequenceKind::kTuple, std::move(parts));
    case Kind::kAttribute:
      return GetAttribute(parts[0], node.name);
    case Kind::kItem:
      return GetItem(parts[0], parts[1], &work_);
    case Kind::kNot:
      return Value(!parts[0].truth());
    case Kind::kNegate:
      return Negate(parts[0]);
    case Kind::kPlus:
      return Calculate("+", Value(int64_t{0}), parts[0], &work_);
    case Kind::kCalculate:
      return Calculate(node.name, parts[0], parts[1], &work_);
    case Kind::kJoin:
      return Join(parts);
    case Kind::kFilter: {
      OUNCE_ASSIGN_OR_RETURN(const Arguments arguments,
                             EvaluateArguments(node.call, scope));
      return ApplyFilter(node.name, parts[0], arguments, &work_);
    }
    case Kind::kTest: {
      OUNCE_ASSIGN_OR_RETURN(const Arguments arguments,
                             EvaluateArguments(node.call, scope));
      OUNCE_ASSIGN_OR_RETURN(const bool holds,
                             ApplyTest(node.name, parts[0], arguments, &work_));
      return Value(holds);
    }
    default:
      return absl::InternalError("an expression of no known kind");
  }
}

absl::StatusOr<std::vector<Value>> Interpreter::EvaluateAll(
    const std::vector<ExpressionPtr>& nodes, const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(nodes.size());
  for (const ExpressionPtr& node : nodes) {
    OUNCE_ASSIGN_OR_RETURN(values.emplace_back(), Evaluate(*node, scope));
  }
  return values;
}

absl::StatusOr<Value> Interpreter::Lookup(const std::string& name,
                                          const Scope& scope) {
  if (const Value* value = scope.Find(name)) return *value;
  return FindGlobal(name);
}

absl::StatusOr<Value> Interpreter::EvaluateDict(const Expression& node,
                                                const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> parts,
                         EvaluateAll(node.parts, scope));
  Dict dict;
  for (size_t i = 0; i < parts.size(); i += 2) {
    OUNCE_RETURN_IF_ERROR(dict.Set(parts[i], std::move(parts[i + 1])));
  }
  return MakeDict(std::move(dict));
}

absl::StatusOr<Value> Interpreter::EvaluateSlice(const Expression& node,
                                                 const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(const Value object, Evaluate(*node.parts[0], scope));
  SliceBounds bounds;
  Value* const values[] = {&bounds.start, &bounds.stop, &bounds.step};
  for (size_t i = 0; i < 3; ++i) {
    if (node.parts[i + 1] == nullptr) continue;
    OUNCE_ASSIGN_OR_RETURN(*values[i], Evaluate(*node.parts[i + 1], scope));
  }
  return Slice(object, bounds, &work_);
}

absl::StatusOr<Value> Interpreter::EvaluateLogic(const Expression& node,
                                                 const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(Value left, Evaluate(*node.parts[0], scope));
  if (left.truth() == (node.kind == Kind::kOr)) return left;
  return Evaluate(*node.parts[1], scope);
}

absl::StatusOr<Value> Interpreter::EvaluateCompare(const Expression& node,
                                                   const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(Value left, Evaluate(*node.parts[0], scope));
  for (size_t i = 0; i < node.symbols.size(); ++i) {
    OUNCE_ASSIGN_OR_RETURN(Value right, Evaluate(*node.parts[i + 1], scope));
    OUNCE_ASSIGN_OR_RETURN(const bool holds,
                           Compare(node.symbols[i], left, right, &work_));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

absl::StatusOr<Value> Interpreter::EvaluateCondition(const Expression& node,
                                                     const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(const Value condition,
                         Evaluate(*node.parts[1], scope));
  if (condition.truth()) return Evaluate(*node.parts[0], scope);
  if (node.parts[2] != nullptr) return Evaluate(*node.parts[2], scope);
  return MakeUndefined("an 'if' expression without 'else' was false");
}

absl::StatusOr<Value> Interpreter::Join(const std::vector<Value>& values) {
  std::string out;
  for (const Value& value : values) {
    OUNCE_ASSIGN_OR_RETURN(const std::string text, ToText(value, &work_));
    OUNCE_RETURN_IF_ERROR(work_.Spend(text.size()));
    out += text;
  }
  return Value(std::move(out));
}

absl::StatusOr<Value> Interpreter::EvaluateCall(const Expression& node,
                                                const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(const Value callee, Evaluate(*node.parts[0], scope));
  OUNCE_ASSIGN_OR_RETURN(const Arguments arguments,
                         EvaluateArguments(node.call, scope));
  return Call(callee, arguments);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(
    const CallSyntax& call, const ScopePtr& scope) {
  Arguments arguments;
  OUNCE_ASSIGN_OR_RETURN(arguments.positional,
                         EvaluateAll(call.positional, scope));
  for (const auto& [name, node] : call.named) {
    OUNCE_ASSIGN_OR_RETURN(Value value, Evaluate(*node, scope));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (call.more_positional != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(const Value value,
                           Evaluate(*call.more_positional, scope));
    OUNCE_RETURN_IF_ERROR(CheckDefined(value));
    OUNCE_ASSIGN_OR_RETURN(const std::vector<Value> more,
                           Elements(value, &work_));
    arguments.positional.insert(arguments.positional.end(), more.begin(),
                                more.end());
  }
  if (call.more_named == nullptr) return arguments;
  OUNCE_ASSIGN_OR_RETURN(const Value more, Evaluate(*call.more_named, scope));
  if (more.AsDict() == nullptr) {
    return absl::InvalidArgumentError("** before what is no dict");
  }
  for (const auto& [key, value] : more.AsDict()->entries()) {
    if (key.AsText() == nullptr ||
        arguments.FindNamed(key.AsText()->bytes) != nullptr) {
      return absl::InvalidArgumentError(
          "** before a dict with a key that is no string or given twice");
    }
    arguments.named.emplace_back(key.AsText()->bytes, value);
  }
  return arguments;
}

}  // namespace ounce::jinja
