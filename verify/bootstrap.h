// Confidence intervals by resampling whole windows (or items), paired: every
// draw takes the same windows for all metrics and both models.
// Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993),
// chapter 13, the percentile method; quantiles linear (Hyndman and Fan's type
// 7).
#ifndef OUNCE_VERIFY_BOOTSTRAP_H_
#define OUNCE_VERIFY_BOOTSTRAP_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace ounce {

// Below this many windows or items no interval is given.
inline constexpr int64_t kMinUnitsForInterval = 30;
inline constexpr int64_t kBootstrapDraws = 2000;
inline constexpr uint64_t kBootstrapSeed = 1;

// A measured value and its 95 % interval, if there is one.
struct Estimate {
  double value = 0.0;
  std::optional<double> low;
  std::optional<double> high;
};

// The quantile `q` in [0, 1] of `sorted` (ascending, not empty), interpolated
// linearly.
double Quantile(absl::Span<const double> sorted, double q);

struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;
};
// Of `values`, which are sorted for it; zeros if there are none.
Percentiles PercentilesOf(std::vector<double>* values);

// Turns column means into metrics: estimates[m] has the value metrics(means)[m]
// over all rows and the interval of it over resampled rows.  `rows` holds one
// row per window: all of `columns` numbers, one after the other. Deterministic.
std::vector<Estimate> BootstrapMeans(
    absl::Span<const double> rows, int64_t columns,
    const std::function<std::vector<double>(absl::Span<const double> means)>&
        metrics);

}  // namespace ounce

#endif  // OUNCE_VERIFY_BOOTSTRAP_H_
