// How far a compressed model's predictions of tokens are from the float one's:
// sums over positions, resampled by the window or line that they belong to.
#ifndef OUNCE_VERIFY_PREDICTION_LOSS_H_
#define OUNCE_VERIFY_PREDICTION_LOSS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "verify/bootstrap.h"
#include "verify/divergence.h"

namespace ounce {

struct PredictionLoss {
  int64_t units = 0;  // Windows or lines.
  int64_t tokens_scored = 0;
  // Means over positions; units, which may differ in length, are resampled.
  Estimate kl;         // KL(float || compressed), nats.
  Estimate same_top1;  // Share of positions with the same most probable token.
  Estimate ppl_float;  // Perplexities.
  Estimate ppl;
  Estimate ppl_ratio;  // exp(mean difference of negative log-likelihood).
  Percentiles kl_percentiles;  // Over positions.
};

// Final hidden states, [rows, width], of the model that `executor` runs.
struct PredictingStates {
  Executor* executor;
  MatrixView<const float> hidden;
};

// Logits are computed some rows at a time and not kept.  Not thread-safe;
// results do not depend on the number of threads.
class PredictionTally {
 public:
  explicit PredictionTally(KernelContext* context) : context_(*context) {}

  // Adds the positions of one unit: row i of either model predicts targets[i],
  // or nothing that counts if that is negative.
  // kDataLoss: a model's logits are not finite.
  absl::Status AddUnit(const PredictingStates& float_states,
                       const PredictingStates& states,
                       absl::Span<const int32_t> targets);

  // What was added; at least one position must have been.
  PredictionLoss Finish();

 private:
  absl::Status AddRows(const PredictingStates& float_states,
                       const PredictingStates& states,
                       absl::Span<const int32_t> targets, int64_t begin);

  KernelContext& context_;
  Matrix float_logits_, logits_;
  std::vector<Divergence> positions_;
  std::vector<double> unit_;  // Sums of the unit at hand.
  std::vector<double> rows_;  // The same of each unit.
  std::vector<double> kl_;    // Per position.
};

}  // namespace ounce

#endif  // OUNCE_VERIFY_PREDICTION_LOSS_H_
