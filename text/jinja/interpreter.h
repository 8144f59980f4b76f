// Renders a template's syntax tree.
// Source: jinja2 3.1, and transformers' apply_chat_template() for the functions
// `raise_exception` and `strftime_now`.
#ifndef OUNCE_TEXT_JINJA_INTERPRETER_H_
#define OUNCE_TEXT_JINJA_INTERPRETER_H_

#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/callable.h"
#include "text/jinja/scope.h"
#include "text/jinja/syntax.h"
#include "text/jinja/value.h"
#include "text/jinja/work.h"

namespace ounce::jinja {

using ScopePtr = std::shared_ptr<Scope>;

// For one rendering.
class Interpreter {
 public:
  // `source` is what the tree was parsed from; both must outlive this.  `now`
  // is what strftime_now() shows.
  Interpreter(absl::string_view source, const Limits& limits,
              const std::tm& now);
  // Namespaces may hold each other: empties them.
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // What `body` prints with these variables.  Errors begin with the place.
  // kInvalidArgument: jinja2 would raise, or raise_exception() was called.
  // kUnimplemented: something we do not have.
  // kResourceExhausted: a limit was reached.
  absl::StatusOr<std::string> Render(
      const Body& body,
      const std::vector<std::pair<std::string, Value>>& variables);

 private:
  enum class Flow { kNext, kBreak, kContinue };
  using FlowOr = absl::StatusOr<Flow>;

  // interpreter.cc: statements.
  FlowOr RunBody(const Body& body, const ScopePtr& scope);
  FlowOr Run(const Statement& statement, const ScopePtr& scope);
  FlowOr RunKind(const Statement& statement, const ScopePtr& scope);
  FlowOr RunIf(const Statement& statement, const ScopePtr& scope);
  FlowOr RunFor(const Statement& statement, const ScopePtr& scope);
  absl::Status RunSet(const Statement& statement, const ScopePtr& scope);
  absl::Status RunMacro(const Statement& statement, const ScopePtr& scope);
  absl::Status RunCallBlock(const Statement& statement, const ScopePtr& scope);
  FlowOr RunWith(const Statement& statement, const ScopePtr& scope);
  // The text that `body` prints.
  FlowOr Capture(const Body& body, const ScopePtr& scope, std::string* text);
  absl::StatusOr<Value> Filtered(const Statement& statement, std::string text,
                                 const ScopePtr& scope);
  absl::Status Assign(const Target& target, const Value& value,
                      const ScopePtr& scope);
  absl::Status Print(absl::string_view text);

  // evaluate.cc: expressions.
  absl::StatusOr<Value> Evaluate(const Expression& node, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateKind(const Expression& node,
                                     const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateParts(const Expression& node,
                                      const ScopePtr& scope);
  absl::StatusOr<std::vector<Value>> EvaluateAll(
      const std::vector<ExpressionPtr>& nodes, const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateDict(const Expression& node,
                                     const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCompare(const Expression& node,
                                        const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCondition(const Expression& node,
                                          const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateLogic(const Expression& node,
                                      const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateSlice(const Expression& node,
                                      const ScopePtr& scope);
  absl::StatusOr<Value> EvaluateCall(const Expression& node,
                                     const ScopePtr& scope);
  absl::StatusOr<Arguments> EvaluateArguments(const CallSyntax& call,
                                              const ScopePtr& scope);
  absl::StatusOr<Value> Join(const std::vector<Value>& values);
  absl::StatusOr<Value> Lookup(const std::string& name, const Scope& scope);

  // calls.cc: functions and macros.
  absl::StatusOr<Value> Call(const Value& callee, const Arguments& arguments);
  absl::StatusOr<Value> CallMacro(const Callable& macro,
                                  const Arguments& arguments);
  absl::Status BindParameters(const Statement& macro,
                              const Arguments& arguments,
                              const ScopePtr& inner);
  absl::StatusOr<Value> CallGlobal(absl::string_view name,
                                   const Arguments& arguments);
  absl::StatusOr<Value> MakeNamespace(const Arguments& arguments);
  absl::StatusOr<Value> FormatNow(const Arguments& arguments) const;

  // Adds the place to the first error that rises.
  absl::Status Located(const absl::Status& status, uint32_t offset);

  const absl::string_view source_;
  const Limits limits_;
  const std::tm now_;
  Work work_;
  int depth_ = 0;
  int64_t loops_ = 0;
  bool located_ = false;
  std::string* out_ = nullptr;
  // The texts of the filtered blocks that are being evaluated.
  std::vector<Value> captured_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;
};

// The function of this name that every template sees, or undefined.
// kUnimplemented: jinja2 has it and we do not.
absl::StatusOr<Value> FindGlobal(absl::string_view name);

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_INTERPRETER_H_
