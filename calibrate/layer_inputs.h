// Runs one layer over a calibration text and gathers what goes into some of its
// matrices.
#ifndef OUNCE_CALIBRATE_LAYER_INPUTS_H_
#define OUNCE_CALIBRATE_LAYER_INPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "calibrate/activation_store.h"
#include "calibrate/input_statistics.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "runtime/weights.h"

namespace ounce {

// A layer as it runs; all must outlive the call.
struct LayerRun {
  Executor* executor;
  KernelContext* context;
  const LayerWeights* layer;
  int64_t index;  // Of all layers.
  const ActivationStore* inputs;
  // The same layer in float, whose matrices point to the same data where they
  // are not quantised yet, and what goes into it in the float model; or null.
  const LayerWeights* float_layer = nullptr;
  const ActivationStore* float_inputs = nullptr;
};

// Matrices of a layer that read the same input, by the data they point to in
// the layer that runs.
using SharedInput = std::vector<const uint8_t*>;

// Statistics of each of `wanted`, from all windows.  Of a matrix whose product
// is added to the residual as it is, second moments take each token over the
// size (root mean square) of its residual: the norm that follows divides by
// that, so that an error counts by what it is of its token.  With
// `run.float_layer` drifts come too.  Neither of experts.  The layer stops as
// soon as it has shown the last of them, unless they are experts'.  Of matrices
// that no token reached, `tokens` is 0.
absl::StatusOr<std::vector<InputStatistics>> CollectInputs(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments);

// The same, and what the whole layer gives goes to `outputs`, as AdvanceLayer()
// has it.
absl::StatusOr<std::vector<InputStatistics>> CollectAndAdvance(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments, ActivationStore* outputs);

// Runs the whole layer and writes what it gives to `outputs`, of the same
// windows, which may be `run.inputs`.
absl::Status AdvanceLayer(const LayerRun& run, ActivationStore* outputs);

}  // namespace ounce

#endif  // OUNCE_CALIBRATE_LAYER_INPUTS_H_
