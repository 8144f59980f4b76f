// Runs a float model and a compressed one side by side over a text and measures
// how their predictions differ.
#ifndef OUNCE_VERIFY_TEXT_COMPARISON_H_
#define OUNCE_VERIFY_TEXT_COMPARISON_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/progress.h"
#include "kernels/kernel_context.h"
#include "kernels/kv_layer.h"
#include "runtime/weights.h"
#include "verify/prediction_loss.h"

namespace ounce {

struct TextOptions {
  // Tokens of a window; each window is scored alone, the tail is dropped.
  int64_t context = 256;
  // Scored are the predictions of tokens score_from ... context - 1.
  int64_t score_from = 1;
  int64_t max_windows = 0;  // The first so many; 0: all.
  // Of the compressed model's keys and values; the float model's are f32.
  KvType kv = KvType::kF32;
  ProgressCallback progress;  // Counts windows.
};

// `ids` is the whole text; the result's units are its windows.  Both models
// must have the same vocabulary. kInvalidArgument: the vocabularies differ, the
// text is shorter than one window, or an option is out of range. kDataLoss: a
// model's logits are not finite.
absl::StatusOr<PredictionLoss> CompareOnText(const ModelWeights& float_model,
                                             const ModelWeights& model,
                                             absl::Span<const int32_t> ids,
                                             const TextOptions& options,
                                             KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_VERIFY_TEXT_COMPARISON_H_
