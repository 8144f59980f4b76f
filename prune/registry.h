// The pruning methods a recipe can name.
#ifndef OUNCE_PRUNE_REGISTRY_H_
#define OUNCE_PRUNE_REGISTRY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "prune/pruner.h"

namespace ounce {

struct PruneMethod {
  absl::string_view name;
  // `sparsity` in [0, 1).
  std::unique_ptr<Pruner> (*create)(double sparsity);
};

absl::Span<const PruneMethod> AllPruneMethods();

// kInvalidArgument: no method of that name, with the list.
absl::StatusOr<const PruneMethod*> FindPruneMethod(absl::string_view name);

}  // namespace ounce

#endif  // OUNCE_PRUNE_REGISTRY_H_
