// A plan's tensors by when they are compressed.
#ifndef OUNCE_COMPRESS_PLAN_PARTS_H_
#define OUNCE_COMPRESS_PLAN_PARTS_H_

#include <vector>

#include "absl/types/span.h"
#include "compress/plan.h"

namespace ounce {

// Before the layers, of each, and after them; points into the plan.
struct PlanParts {
  absl::Span<const TensorPlan> before;
  std::vector<absl::Span<const TensorPlan>> layers;
  absl::Span<const TensorPlan> after;
};

PlanParts DividePlan(const Plan& plan);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_PLAN_PARTS_H_
