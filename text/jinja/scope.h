// The variables that a place in a template sees.
#ifndef OUNCE_TEXT_JINJA_SCOPE_H_
#define OUNCE_TEXT_JINJA_SCOPE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "text/jinja/value.h"

namespace ounce::jinja {

// Names set here hide those of the scopes around it.
class Scope {
 public:
  explicit Scope(std::shared_ptr<const Scope> outer)
      : outer_(std::move(outer)) {}

  const Value* Find(absl::string_view name) const {
    for (const Scope* scope = this; scope != nullptr;
         scope = scope->outer_.get()) {
      const auto found = scope->values_.find(name);
      if (found != scope->values_.end()) return &found->second;
    }
    return nullptr;
  }
  void Set(absl::string_view name, Value value) {
    values_[name] = std::move(value);
  }

 private:
  const std::shared_ptr<const Scope> outer_;
  absl::flat_hash_map<std::string, Value> values_;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_SCOPE_H_
