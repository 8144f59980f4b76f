#include "formats/surplus.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ounce {
namespace {

// Of the names a message lists.
constexpr size_t kMaxListed = 10;

}  // namespace

absl::Status CheckSurplus(absl::Span<const std::string> surplus,
                          const ModelSpec& spec) {
  if (surplus.empty()) return absl::OkStatus();
  const size_t listed = std::min(surplus.size(), kMaxListed);
  return absl::InvalidArgumentError(absl::StrCat(
      surplus.size(), " tensors that architecture '", spec.architecture,
      "' does not know: ", absl::StrJoin(surplus.subspan(0, listed), ", "),
      surplus.size() > listed ? ", ..." : "",
      "; open without --strict to ignore them"));
}

}  // namespace ounce
