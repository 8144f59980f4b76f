// Creates a calibrated quantiser with as much damping as its second moments
// need.
#ifndef OUNCE_COMPRESS_DAMPING_LADDER_H_
#define OUNCE_COMPRESS_DAMPING_LADDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compress/recipe.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "quantize/quantizer.h"

namespace ounce {

struct DampedQuantizer {
  std::unique_ptr<CalibratedQuantizer> quantizer;
  // The method, and the damping if it had to be raised: "gptq with damping
  // 0.1".
  std::string method;
};

// Starts with the rule's damping and multiplies it by ten, four times at most.
// kFailedPrecondition: not even the last was enough.
absl::StatusOr<DampedQuantizer> ClimbDampingLadder(
    const QuantizeRule& rule, MatrixView<const float> second_moment,
    KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_DAMPING_LADDER_H_
