// Adds context to an error as it rises through the layers, so that the one line
// a user sees says where: "reading model.safetensors: tensor 'x': ...".
#ifndef OUNCE_CORE_ANNOTATE_H_
#define OUNCE_CORE_ANNOTATE_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace ounce {

// The same code with "`context`: " before the message; OK stays OK.
inline absl::Status Annotate(const absl::Status& status,
                             absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(context, ": ", status.message()));
}

template <typename T>
absl::StatusOr<T> Annotate(absl::StatusOr<T> value, absl::string_view context) {
  if (value.ok()) return value;
  return Annotate(value.status(), context);
}

}  // namespace ounce

#endif  // OUNCE_CORE_ANNOTATE_H_
