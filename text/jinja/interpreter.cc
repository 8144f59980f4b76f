#include "text/jinja/interpreter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/lexer.h"
#include "text/jinja/loop.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"

namespace ounce::jinja {
namespace {

using Kind = Statement::Kind;

ScopePtr Inside(const ScopePtr& scope) {
  return std::make_shared<Scope>(scope);
}

}  // namespace

Interpreter::Interpreter(absl::string_view source, const Limits& limits,
                         const std::tm& now)
    : source_(source), limits_(limits), now_(now), work_(limits.max_work) {}

Interpreter::~Interpreter() {
  for (const std::shared_ptr<Namespace>& space : namespaces_) {
    space->attributes.clear();
  }
}

absl::StatusOr<std::string> Interpreter::Render(
    const Body& body,
    const std::vector<std::pair<std::string, Value>>& variables) {
  const ScopePtr context = std::make_shared<Scope>(nullptr);
  for (const auto& [name, value] : variables) context->Set(name, value);
  std::string out;
  out_ = &out;
  OUNCE_RETURN_IF_ERROR(RunBody(body, Inside(context)).status());
  return out;
}

absl::Status Interpreter::Located(const absl::Status& status, uint32_t offset) {
  if (status.ok() || located_) return status;
  located_ = true;
  return AnnotatePlace(status, source_, offset);
}

absl::Status Interpreter::Print(absl::string_view text) {
  OUNCE_RETURN_IF_ERROR(work_.Spend(text.size()));
  if (text.size() > limits_.max_output_bytes - out_->size()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the template prints more than ", limits_.max_output_bytes, " bytes"));
  }
  out_->append(text.data(), text.size());
  return absl::OkStatus();
}

Interpreter::FlowOr Interpreter::RunBody(const Body& body,
                                         const ScopePtr& scope) {
  for (const auto& statement : body) {
    OUNCE_ASSIGN_OR_RETURN(const Flow flow, Run(*statement, scope));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::FlowOr Interpreter::Run(const Statement& statement,
                                     const ScopePtr& scope) {
  absl::Status status = work_.Spend(kUnitsPerNode);
  if (depth_ >= kMaxEvaluationDepth) {
    status = absl::ResourceExhaustedError(
        "macros call each other too deep; is there a recursion without end?");
  }
  if (!status.ok()) return Located(status, statement.offset);
  ++depth_;
  FlowOr flow = RunKind(statement, scope);
  --depth_;
  if (!flow.ok()) return Located(flow.status(), statement.offset);
  return flow;
}

Interpreter::FlowOr Interpreter::RunKind(const Statement& statement,
                                         const ScopePtr& scope) {
  switch (statement.kind) {
    case Kind::kText:
      OUNCE_RETURN_IF_ERROR(Print(statement.text));
      return Flow::kNext;
    case Kind::kOutput: {
      OUNCE_ASSIGN_OR_RETURN(const Value value,
                             Evaluate(*statement.value, scope));
      OUNCE_ASSIGN_OR_RETURN(const std::string text, ToText(value, &work_));
      OUNCE_RETURN_IF_ERROR(Print(text));
      return Flow::kNext;
    }
    case Kind::kIf:
      return RunIf(statement, scope);
    case Kind::kFor:
      return RunFor(statement, scope);
    case Kind::kSet:
      OUNCE_RETURN_IF_ERROR(RunSet(statement, scope));
      return Flow::kNext;
    case Kind::kSetBlock:
    case Kind::kFilterBlock: {
      std::string text;
      OUNCE_ASSIGN_OR_RETURN(const Flow flow,
                             Capture(statement.body, Inside(scope), &text));
      if (flow != Flow::kNext) return flow;
      OUNCE_ASSIGN_OR_RETURN(const Value value,
                             Filtered(statement, std::move(text), scope));
      if (statement.kind == Kind::kSetBlock) {
        OUNCE_RETURN_IF_ERROR(Assign(statement.target, value, scope));
        return Flow::kNext;
      }
      OUNCE_ASSIGN_OR_RETURN(const std::string filtered, ToText(value, &work_));
      OUNCE_RETURN_IF_ERROR(Print(filtered));
      return Flow::kNext;
    }
    case Kind::kMacro:
      OUNCE_RETURN_IF_ERROR(RunMacro(statement, scope));
      return Flow::kNext;
    case Kind::kCallBlock:
      OUNCE_RETURN_IF_ERROR(RunCallBlock(statement, scope));
      return Flow::kNext;
    case Kind::kWith:
      return RunWith(statement, scope);
    case Kind::kScope:
      return RunBody(statement.body, Inside(scope));
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Interpreter::FlowOr Interpreter::RunIf(const Statement& statement,
                                       const ScopePtr& scope) {
  for (const Branch& branch : statement.branches) {
    OUNCE_ASSIGN_OR_RETURN(const Value condition,
                           Evaluate(*branch.condition, scope));
    if (condition.truth()) return RunBody(branch.body, scope);
  }
  return RunBody(statement.otherwise, scope);
}

Interpreter::FlowOr Interpreter::RunFor(const Statement& statement,
                                        const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(const Value iterable,
                         Evaluate(*statement.value, scope));
  OUNCE_ASSIGN_OR_RETURN(std::vector<Value> items, Elements(iterable, &work_));
  Loop::Keeps keeps;
  if (statement.filter != nullptr) {
    keeps = [this, &statement,
             &scope](const Value& item) -> absl::StatusOr<bool> {
      const ScopePtr inner = Inside(scope);
      OUNCE_RETURN_IF_ERROR(Assign(statement.target, item, inner));
      OUNCE_ASSIGN_OR_RETURN(const Value value,
                             Evaluate(*statement.filter, inner));
      return value.truth();
    };
  }
  const auto loop =
      std::make_shared<Loop>(std::move(items), loops_, std::move(keeps));
  ++loops_;
  bool any = false;
  Flow flow = Flow::kNext;
  while (flow != Flow::kBreak) {
    absl::StatusOr<std::optional<Value>> item = loop->Next();
    if (!item.ok() || !item->has_value()) {
      loop->Close();
      OUNCE_RETURN_IF_ERROR(item.status());
      break;
    }
    any = true;
    const ScopePtr inner = Inside(scope);
    inner->Set("loop", Value(loop));
    absl::Status status = Assign(statement.target, **item, inner);
    if (status.ok()) {
      FlowOr result = RunBody(statement.body, inner);
      status = result.status();
      if (result.ok()) flow = *result;
    }
    if (!status.ok()) {
      loop->Close();
      return status;
    }
  }
  loop->Close();
  --loops_;
  if (any) return Flow::kNext;
  return RunBody(statement.otherwise, Inside(scope));
}

absl::Status Interpreter::RunSet(const Statement& statement,
                                 const ScopePtr& scope) {
  OUNCE_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.value, scope));
  return Assign(statement.target, value, scope);
}

Interpreter::FlowOr Interpreter::Capture(const Body& body,
                                         const ScopePtr& scope,
                                         std::string* text) {
  std::string* const outer = std::exchange(out_, text);
  FlowOr flow = RunBody(body, scope);
  out_ = outer;
  return flow;
}

absl::StatusOr<Value> Interpreter::Filtered(const Statement& statement,
                                            std::string text,
                                            const ScopePtr& scope) {
  if (statement.value == nullptr) return Value(std::move(text));
  captured_.emplace_back(std::move(text));
  absl::StatusOr<Value> value = Evaluate(*statement.value, scope);
  captured_.pop_back();
  return value;
}

absl::Status Interpreter::RunMacro(const Statement& statement,
                                   const ScopePtr& scope) {
  auto macro = std::make_shared<Callable>();
  macro->kind = Callable::Kind::kMacro;
  macro->name = statement.text;
  macro->macro = &statement;
  macro->scope = scope;
  scope->Set(statement.text, std::shared_ptr<const Callable>(macro));
  return absl::OkStatus();
}

absl::Status Interpreter::RunCallBlock(const Statement& statement,
                                       const ScopePtr& scope) {
  auto caller = std::make_shared<Callable>();
  caller->kind = Callable::Kind::kMacro;
  caller->name = statement.text;
  caller->macro = &statement;
  caller->scope = scope;
  const Expression& call = *statement.value;
  OUNCE_ASSIGN_OR_RETURN(const Value callee, Evaluate(*call.parts[0], scope));
  OUNCE_ASSIGN_OR_RETURN(Arguments arguments,
                         EvaluateArguments(call.call, scope));
  arguments.named.emplace_back("caller",
                               std::shared_ptr<const Callable>(caller));
  OUNCE_ASSIGN_OR_RETURN(const Value value, Call(callee, arguments));
  OUNCE_ASSIGN_OR_RETURN(const std::string text, ToText(value, &work_));
  return Print(text);
}

Interpreter::FlowOr Interpreter::RunWith(const Statement& statement,
                                         const ScopePtr& scope) {
  const ScopePtr inner = Inside(scope);
  for (const auto& [target, expression] : statement.assignments) {
    OUNCE_ASSIGN_OR_RETURN(const Value value, Evaluate(*expression, scope));
    OUNCE_RETURN_IF_ERROR(Assign(target, value, inner));
  }
  return RunBody(statement.body, inner);
}

absl::Status Interpreter::Assign(const Target& target, const Value& value,
                                 const ScopePtr& scope) {
  if (!target.attribute.empty()) {
    const Value* const object = scope->Find(target.name);
    Namespace* const space =
        object == nullptr ? nullptr : object->AsNamespace();
    if (space == nullptr) {
      return Located(
          absl::InvalidArgumentError(absl::StrCat(
              "'", target.name, ".", target.attribute, "' cannot be set: '",
              target.name, "' is no namespace")),
          target.offset);
    }
    space->Set(target.attribute, value);
    return absl::OkStatus();
  }
  if (target.parts.empty()) {
    scope->Set(target.name, value);
    return absl::OkStatus();
  }
  OUNCE_RETURN_IF_ERROR(Located(CheckDefined(value), target.offset));
  absl::StatusOr<std::vector<Value>> items = Elements(value, &work_);
  absl::Status status = items.status();
  if (items.ok() && items->size() != target.parts.size()) {
    status = absl::InvalidArgumentError(absl::StrCat(
        items->size(), " values for ", target.parts.size(), " names"));
  }
  OUNCE_RETURN_IF_ERROR(Located(status, target.offset));
  for (size_t i = 0; i < items->size(); ++i) {
    OUNCE_RETURN_IF_ERROR(Assign(target.parts[i], (*items)[i], scope));
  }
  return absl::OkStatus();
}

}  // namespace ounce::jinja
