// Values that can be called, and what a call gives them.
#ifndef OUNCE_TEXT_JINJA_CALLABLE_H_
#define OUNCE_TEXT_JINJA_CALLABLE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "text/jinja/value.h"

namespace ounce::jinja {

struct Statement;
class Scope;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  const Value* FindNamed(absl::string_view name) const {
    for (const auto& [key, value] : named) {
      if (key == name) return &value;
    }
    return nullptr;
  }
};

struct Callable {
  enum class Kind : uint8_t { kFunction, kMethod, kMacro };
  Kind kind = Kind::kFunction;
  std::string name;
  Value receiver;  // Of a method.
  // Of a macro: its definition, in the syntax tree, and where it was defined.
  // The scope holds the macro, so the macro must not hold the scope.
  const Statement* macro = nullptr;
  std::weak_ptr<Scope> scope;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_CALLABLE_H_
