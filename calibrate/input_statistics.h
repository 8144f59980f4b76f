// What calibration knows of the input of a matrix: second moments for GPTQ and
// for scale searches, ranges and means for channel scales, the mean for bias
// correction.
#ifndef OUNCE_CALIBRATE_INPUT_STATISTICS_H_
#define OUNCE_CALIBRATE_INPUT_STATISTICS_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// How many of all values lie between one power of two and the next, by
// magnitude.
class MagnitudeHistogram {
 public:
  void Add(float value);
  MagnitudeHistogram& operator+=(const MagnitudeHistogram& other);
  // A magnitude that a share of `quantile` of the values does not exceed, up to
  // the power of two above it; 0 without values.
  double Percentile(double quantile) const;

 private:
  static constexpr int kBins = 256;  // By a float's exponent.
  std::array<int64_t, kBins> counts_ = {};
  int64_t total_ = 0;
};

struct InputStatistics {
  int64_t tokens = 0;
  // [in, in], mean of x x^T, of tokens times their scales; may be empty.
  Matrix second_moment;
  // [in, in], mean of (y - x) x^T with y what the float model has in the place
  // of x, of tokens times their scales; empty unless it was given.
  Matrix drift;
  std::vector<float> mean;        // [in]
  std::vector<float> mean_abs;    // [in], mean of |x|
  std::vector<float> abs_max;     // [in]
  MagnitudeHistogram magnitudes;  // Of all channels together.
};

// Adds up the inputs of one matrix, window by window.  Deterministic for any
// number of threads; what windows are given one by one is part of the bits.
class InputStatisticsCollector {
 public:
  // Without second moments: a fraction of time and memory.
  explicit InputStatisticsCollector(bool second_moment)
      : with_moment_(second_moment) {}

  // `x` is [tokens, in], `in` the same each time.  `token_scales` [tokens] or
  // empty: what the second moments take each token times.
  // `float_x` [tokens, in] or empty: what the float model has there.
  void Add(KernelContext& context, MatrixView<const float> x,
           absl::Span<const float> token_scales = {},
           MatrixView<const float> float_x = {});
  int64_t tokens() const { return tokens_; }
  // Leaves the collector empty.
  InputStatistics Finish(KernelContext& context);

 private:
  void AddChannels(KernelContext& context, MatrixView<const float> x);
  void AddDrift(KernelContext& context, MatrixView<const float> x,
                absl::Span<const float> token_scales,
                MatrixView<const float> float_x);

  const bool with_moment_;
  int64_t tokens_ = 0;
  Matrix moment_, scaled_, drift_, difference_;
  std::vector<double> sum_, abs_sum_;
  std::vector<float> abs_max_;
  std::vector<MagnitudeHistogram> magnitudes_;  // Of each task's channels.
};

// Bytes that the second moments of `in` channels take.
inline int64_t SecondMomentBytes(int64_t in) { return in * in * 4; }

// kFailedPrecondition: no token, or a value that is NaN or infinite.
absl::Status CheckStatistics(const InputStatistics& statistics);

}  // namespace ounce

#endif  // OUNCE_CALIBRATE_INPUT_STATISTICS_H_
