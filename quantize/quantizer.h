// What every quantisation method takes and gives.
#ifndef OUNCE_QUANTIZE_QUANTIZER_H_
#define OUNCE_QUANTIZE_QUANTIZER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

enum class ScaleMethod {
  kAbsMax,        // The largest weight is met, as nearly as scales allow.
  kLeastSquares,  // The squared error is least: large weights may be clipped.
};

struct QuantizeOptions {
  Codec codec = Codec::kInt8;  // A quantised one.
  // Columns that share a scale: 32, 64 or 128 for int4; 0, the whole row, for
  // int8.  Larger groups take less space and lose more.
  int64_t group_size = 0;
  ScaleMethod scale = ScaleMethod::kAbsMax;

  // Of methods that take the second moments of a matrix's input:

  // Added to their diagonal, as a fraction of its mean, at first; each time
  // that is not enough it is multiplied by ten.  Larger values trust the
  // calibration text less and drift towards plain rounding.
  double damping = 0.01;
  // Columns are rounded in the order of their inputs' size, largest first.
  bool act_order = true;
  // Times that codes and scales are gone through once more when all are known.
  // Each lowers the error further, by less, and takes about as long as the
  // rounding.
  int refine_sweeps = 0;
  // How far weights first move towards what makes up for the errors of their
  // input (quantize/error_propagation.h), 0 to 1.
  double error_propagation = 0.0;
};

struct QuantizeResult {
  QuantizedMatrix weight;
  // Groups too small for their codec's scales: f16 scales below the smallest
  // normal number, stored with fewer bits or as 0, and groups that became zeros
  // beside the largest of their row.
  int64_t tiny_scales = 0;
};

struct CalibratedResult {
  QuantizeResult quantized;
  // trace(D H D^T), D what rounding changed and H the second moments: what the
  // output loses, squared, per token.  Of plain rounding to the same codec with
  // scales as good, and of this method.
  double error_before = 0.0;
  double error_after = 0.0;
};

// Quantises matrices that read one input.  Not thread-safe; deterministic for
// any number of threads.
class CalibratedQuantizer {
 public:
  virtual ~CalibratedQuantizer() = default;

  // `weight` is [out, in], finite; `options` are for the codec and its scales.
  // kInvalidArgument: a shape, or a scale above the largest of the codec.
  virtual absl::StatusOr<CalibratedResult> Quantize(
      MatrixView<const float> weight, const QuantizeOptions& options) = 0;
};

// `second_moment` [in, in] is the mean of x x^T over tokens
// (calibrate/input_statistics.h); it and `context` must outlive the result.  Of
// `options`, what follows `scale` counts, with this damping.
// kFailedPrecondition: it is not positive definite with `damping` on its
// diagonal, or not finite: raise `damping`, or fall back to another method.
using CreateCalibratedQuantizer =
    absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> (*)(
        MatrixView<const float> second_moment, const QuantizeOptions& options,
        double damping, KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_QUANTIZER_H_
