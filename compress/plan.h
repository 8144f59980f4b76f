// What a recipe does to each tensor of a model, worked out before anything is
// written.
#ifndef OUNCE_COMPRESS_PLAN_H_
#define OUNCE_COMPRESS_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compress/recipe.h"
#include "core/packing/packed_matrix.h"
#include "core/thread_pool.h"
#include "model/bind.h"

namespace ounce {

struct TensorPlan {
  const BoundTensor* tensor = nullptr;
  Codec codec = Codec::kF32;  // Of the result.
  int64_t group_size = 0;
  int64_t bytes = 0;                       // Of the result.
  const QuantizeRule* quantize = nullptr;  // Null: keeps its float type.
  const PruneRule* prune = nullptr;        // Null: not pruned.
};

struct Plan {
  std::vector<TensorPlan> tensors;  // In the order of the model.
  int64_t parameters = 0;
  int64_t source_bytes = 0;
  int64_t bytes = 0;  // Of all weights.
  // The most memory the work takes beyond the program itself.
  int64_t memory_bytes = 0;
  // Quantise rules that match no matrix, one sentence each.
  std::vector<std::string> warnings;

  double bits_per_weight() const;
};

// Points into `bound` and `recipe`: both must outlive the plan.
// kInvalidArgument: the model is quantised already, or a prune rule matches no
// matrix.  A quantise rule that does is a warning alone, because one recipe has
// to fit tied and untied heads.
absl::StatusOr<Plan> MakePlan(const BoundTensors& bound, const Recipe& recipe);

// "round_to_nearest, absmax, magnitude 0.5 per tensor" or "float".
std::string DescribeTensorPlan(const TensorPlan& plan);

// Seconds that compressing will take, from timing a sample of the plan's
// largest tensors on `pool`; reading and writing files come on top.
absl::StatusOr<double> EstimateSeconds(const Plan& plan, ThreadPool* pool);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_PLAN_H_
