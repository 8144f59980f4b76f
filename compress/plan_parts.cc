#include "compress/plan_parts.h"

#include "model/tensor_table.h"

namespace ounce {

PlanParts DividePlan(const Plan& plan) {
  const absl::Span<const TensorPlan> all = plan.tensors;
  const auto layer_at = [&](size_t i) {
    return LayerOf(all[i].tensor->slot.name);
  };
  PlanParts parts;
  size_t i = 0;
  while (i < all.size() && !layer_at(i).has_value()) ++i;
  parts.before = all.subspan(0, i);
  while (i < all.size() && layer_at(i).has_value()) {
    size_t end = i;
    while (end < all.size() && layer_at(end) == layer_at(i)) ++end;
    parts.layers.push_back(all.subspan(i, end - i));
    i = end;
  }
  parts.after = all.subspan(i);
  return parts;
}

}  // namespace ounce
