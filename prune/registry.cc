#include "prune/registry.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "prune/magnitude.h"

namespace ounce {
namespace {

std::unique_ptr<Pruner> CreateMagnitude(double sparsity) {
  return std::make_unique<MagnitudePruner>(sparsity);
}

constexpr std::array kMethods = {
    PruneMethod{"magnitude", CreateMagnitude},
};

}  // namespace

absl::Span<const PruneMethod> AllPruneMethods() { return kMethods; }

absl::StatusOr<const PruneMethod*> FindPruneMethod(absl::string_view name) {
  std::string known;
  for (const PruneMethod& method : kMethods) {
    if (method.name == name) return &method;
    absl::StrAppend(&known, known.empty() ? "" : ", ", method.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("pruning method \"", name, "\"; expected one of ", known));
}

}  // namespace ounce
