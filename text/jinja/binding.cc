#include "text/jinja/binding.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "text/jinja/operators.h"

namespace ounce::jinja {

absl::StatusOr<Bound> Bound::Make(const Signature& signature,
                                  const Arguments& arguments) {
  const std::vector<absl::string_view> names =
      absl::StrSplit(signature.parameters, ' ', absl::SkipEmpty());
  Bound bound(signature);
  bound.values_.resize(names.size());
  if (arguments.positional.size() > names.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", signature.name, "' takes at most ", names.size(),
                     " arguments, not ", arguments.positional.size()));
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    bound.values_[i] = arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names.end(), name);
    const auto index = static_cast<size_t>(found - names.begin());
    if (found == names.end() || bound.values_[index].has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", signature.name, "' ",
                       found == names.end() ? "has no argument '"
                                            : "is given twice the argument '",
                       name, "'"));
    }
    bound.values_[index] = value;
  }
  for (size_t i = 0; i < signature.required; ++i) {
    if (!bound.values_[i].has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", signature.name, "' needs the argument '", names[i], "'"));
    }
  }
  return bound;
}

absl::Status Bound::WrongType(size_t index, absl::string_view expected) const {
  const std::vector<absl::string_view> names =
      absl::StrSplit(signature_.parameters, ' ', absl::SkipEmpty());
  return absl::InvalidArgumentError(absl::StrCat(
      "the argument '", names[index], "' of '", signature_.name,
      "' is of type ", values_[index]->type_name(), "; expected ", expected));
}

absl::StatusOr<int64_t> Bound::Int(size_t index, int64_t fallback) const {
  if (!IsSet(index)) return fallback;
  const std::optional<int64_t> value = values_[index]->AsIndex();
  if (!value.has_value()) return WrongType(index, "int");
  return *value;
}

absl::StatusOr<std::string> Bound::String(size_t index,
                                          absl::string_view fallback) const {
  if (!IsSet(index)) return std::string(fallback);
  const Text* const text = values_[index]->AsText();
  if (text == nullptr) return WrongType(index, "str");
  return text->bytes;
}

}  // namespace ounce::jinja
