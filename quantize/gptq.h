// GPTQ: rounds a weight matrix one input column at a time and spreads each
// column's rounding error over the columns that are still unrounded; then
// refines codes and scales against the same error.
// Source: Frantar et al., "GPTQ", arXiv:2210.17323, Algorithm 1, with groups
// whose scales are chosen beforehand, in the form of quantize/nearest_plane.h.
#ifndef OUNCE_QUANTIZE_GPTQ_H_
#define OUNCE_QUANTIZE_GPTQ_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "quantize/quantizer.h"

namespace ounce {

struct GptqOptions {
  // Added to each number on the Hessian's diagonal, as a fraction of it (the
  // paper's is one of their mean, which a single channel of large inputs makes
  // too much for all others).  Larger values tolerate fewer calibration tokens
  // and drift towards plain rounding.
  double damping = 0.01;
  // Visits columns in the order of their mean squares, largest first, instead
  // of from first to last.
  bool act_order = true;
  // Passes of coordinate descent over all codes and scales afterwards
  // (quantize/quadratic_refine.h).  The first gains most.
  int refine_sweeps = 2;
  // False: scales alone are chosen, and weights rounded to nearest.
  bool compensate = true;
};

struct GptqResult {
  QuantizeResult quantized;
  // trace(D * H * D^T) with D = original - quantized and H = the Hessian before
  // damping: the squared layer output error per calibration token.  `before` is
  // that of round-to-nearest with the scales that GPTQ began with; without
  // compensation, with absmax scales.
  double error_before = 0.0;
  double error_after = 0.0;  // Never above `error_before`.
};

// One Hessian, factored, for all weights that multiply the same input.
class GptqSolver {
 public:
  // `hessian` [in, in], symmetric, is the mean of x * x^T over calibration
  // tokens (kernels/gram.h).  Multiplying it by a positive number changes
  // nothing but the errors.  Channels whose diagonal is 0 were always 0: their
  // weights become 0.  `context` must outlive the solver; `hessian` need not.
  // Memory: 8 * in^2 bytes, kept.
  //
  // kInvalidArgument: not square, or an option is out of range.
  // kFailedPrecondition: not finite, or, damped, not positive definite; collect
  // more calibration tokens or raise `damping`.
  static absl::StatusOr<GptqSolver> Create(KernelContext& context,
                                           MatrixView<const float> hessian,
                                           const GptqOptions& options);

  // Moved, not copied: it holds views of its own memory.
  GptqSolver(GptqSolver&&) = default;
  GptqSolver& operator=(GptqSolver&&) = default;

  // Quantizes `weight` [out, in], finite values, with scales chosen per group
  // before any rounding: those of round-to-nearest for kAbsMax; for
  // kLeastSquares those with the least squared error, each column's weighted by
  // what the columns visited after it leave of its diagonal, which is what its
  // rounding costs in the end.  The refinement may change them again.
  //
  // Deterministic: the result does not depend on the number of threads.
  // Temporary memory: 4 * out * in bytes if there are dead channels, and about
  // 2000 * in bytes per thread.
  //
  // kInvalidArgument: `weight` has other columns than the Hessian, or a scale
  // is above the largest f16.
  absl::StatusOr<GptqResult> Quantize(MatrixView<const float> weight,
                                      const QuantizeOptions& options) const;

 private:
  GptqSolver(KernelContext& context, const GptqOptions& options)
      : context_(&context), options_(options) {}
  absl::Status Load(MatrixView<const float> hessian);
  absl::Status Factor();

  KernelContext* context_;
  GptqOptions options_;
  // Both scaled by a power of two to a mean diagonal near 1.
  std::vector<float> hessian_data_;
  std::vector<float> factor_data_;
  MatrixView<float> hessian_;  // As given.
  // L with L L^T = the damped Hessian, its columns in the order of `order_`.
  MatrixView<float> factor_;
  // Columns in the order of `factor_`, which are visited from the last on.
  std::vector<int64_t> order_;
  std::vector<float> diagonal_;    // Of hessian_; 0: a dead channel.
  std::vector<float> importance_;  // The pivots of the factor, by column.
  double unit_ = 1.0;              // The Hessian is unit_ * hessian_.
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_GPTQ_H_
