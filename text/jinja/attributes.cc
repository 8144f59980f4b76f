#include "text/jinja/attributes.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/jinja/callable.h"
#include "text/jinja/loop.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/print.h"
#include "text/quote.h"

namespace ounce::jinja {
namespace {

Value MissingAttribute(const Value& object, absl::string_view name) {
  return MakeUndefined(absl::StrCat("a value of type ", object.type_name(),
                                    " has no attribute ", Quote(name)));
}

absl::StatusOr<Value> MakeMethod(const Value& object, absl::string_view name) {
  auto method = std::make_shared<Callable>();
  method->kind = Callable::Kind::kMethod;
  method->name = std::string(name);
  method->receiver = object;
  // A method of a method of a method ... would nest without a bound.
  if (object.depth() >= kMaxValueDepth) {
    return absl::ResourceExhaustedError("a method of a value nested too deep");
  }
  return Value(std::shared_ptr<const Callable>(std::move(method)));
}

// What Python's getattr() finds, keys of dicts aside.
absl::StatusOr<std::optional<Value>> OwnAttribute(const Value& object,
                                                  absl::string_view name) {
  if (Loop* loop = object.AsLoop()) {
    if (name == "cycle") return MakeMethod(object, name);
    if (name == "changed") {
      return absl::UnimplementedError("loop.changed(); we have loop.cycle()");
    }
    return loop->Attribute(name);
  }
  if (const Namespace* space = object.AsNamespace()) {
    const Value* const found = space->Find(name);
    return found == nullptr ? std::nullopt : std::optional<Value>(*found);
  }
  OUNCE_ASSIGN_OR_RETURN(const bool is_method, HasMethod(object, name));
  if (is_method) return MakeMethod(object, name);
  if (absl::StartsWith(name, "__") && absl::EndsWith(name, "__")) {
    return absl::UnimplementedError(absl::StrCat("the attribute ", Quote(name),
                                                 ", which the sandbox bars"));
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Value> GetAttribute(const Value& object,
                                   absl::string_view name) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(object));
  OUNCE_ASSIGN_OR_RETURN(std::optional<Value> own, OwnAttribute(object, name));
  if (own.has_value()) return *std::move(own);
  if (const Dict* dict = object.AsDict()) {
    if (const Value* value = dict->Find(name)) return *value;
  }
  return MissingAttribute(object, name);
}

absl::StatusOr<Value> GetItem(const Value& object, const Value& key,
                              Work* work) {
  OUNCE_RETURN_IF_ERROR(CheckDefined(object));
  OUNCE_ASSIGN_OR_RETURN(std::optional<Value> item, Item(object, key, work));
  if (item.has_value()) return *std::move(item);
  if (const Text* text = key.AsText()) {
    OUNCE_ASSIGN_OR_RETURN(std::optional<Value> own,
                           OwnAttribute(object, text->bytes));
    if (own.has_value()) return *std::move(own);
    return MissingAttribute(object, text->bytes);
  }
  return MakeUndefined(absl::StrCat("a value of type ", object.type_name(),
                                    " has no element at the key of type ",
                                    key.type_name()));
}

}  // namespace ounce::jinja
