// Moves a matrix, before it is quantised, towards what makes up for the errors
// that its input already has.
// Source: Arai and Ichikawa, Quantization Error Propagation, arXiv:2504.09629,
// section 4: the target of a layer becomes what the float model's input gives,
// and the best float weights for that on the erroneous input are rounded.
#ifndef OUNCE_QUANTIZE_ERROR_PROPAGATION_H_
#define OUNCE_QUANTIZE_ERROR_PROPAGATION_H_

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

struct InputDrift {
  MatrixView<const float> second_moment;  // [in, in], mean of x x^T.
  // [in, in], mean of (y - x) x^T with y the float model's input in x's place.
  MatrixView<const float> drift;
};

struct PropagationOptions {
  double strength = 1.0;  // 0: nothing moves; 1: all the way.
  // Added to each channel's own second moment, as a fraction of it.
  double damping = 0.01;
};

// weight + strength * weight * drift * (second_moment + damping)^-1 for
// `weight` [out, in].  Deterministic for any number of threads.  Temporary
// memory: 4 * (in^2 + out * in) bytes. kFailedPrecondition: the damped second
// moment is not positive definite.
absl::StatusOr<Matrix> PropagateError(KernelContext& context,
                                      MatrixView<const float> weight,
                                      const InputDrift& input,
                                      const PropagationOptions& options);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_ERROR_PROPAGATION_H_
