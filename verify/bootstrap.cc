#include "verify/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"

namespace ounce {
namespace {

constexpr double kLowQuantile = 0.025;
constexpr double kHighQuantile = 0.975;

}  // namespace

double Quantile(absl::Span<const double> sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below);
  return sorted[below] + weight * (sorted[above] - sorted[below]);
}

Percentiles PercentilesOf(std::vector<double>* values) {
  if (values->empty()) return {};
  std::sort(values->begin(), values->end());
  return {Quantile(*values, 0.5), Quantile(*values, 0.9),
          Quantile(*values, 0.99), Quantile(*values, 0.999), values->back()};
}

std::vector<Estimate> BootstrapMeans(
    absl::Span<const double> rows, int64_t columns,
    const std::function<std::vector<double>(absl::Span<const double> means)>&
        metrics) {
  const auto width = static_cast<size_t>(columns);
  const size_t count = rows.size() / width;
  std::vector<double> means(width);
  // `pick` chooses the row of each of `count` turns.
  const auto measure = [&](auto pick) {
    std::fill(means.begin(), means.end(), 0.0);
    for (size_t turn = 0; turn < count; ++turn) {
      const double* row = rows.data() + pick(turn) * width;
      for (size_t c = 0; c < width; ++c) means[c] += row[c];
    }
    for (double& mean : means) mean /= static_cast<double>(count);
    return metrics(means);
  };

  std::vector<Estimate> estimates;
  for (const double value : measure([](size_t turn) { return turn; })) {
    estimates.push_back({value, std::nullopt, std::nullopt});
  }
  if (static_cast<int64_t>(count) < kMinUnitsForInterval) return estimates;

  std::vector<std::vector<double>> draws(estimates.size());
  Random random(kBootstrapSeed);
  for (int64_t draw = 0; draw < kBootstrapDraws; ++draw) {
    const std::vector<double> values =
        measure([&](size_t) { return random.NextBelow(count); });
    for (size_t m = 0; m < values.size(); ++m) draws[m].push_back(values[m]);
  }
  for (size_t m = 0; m < estimates.size(); ++m) {
    std::sort(draws[m].begin(), draws[m].end());
    estimates[m].low = Quantile(draws[m], kLowQuantile);
    estimates[m].high = Quantile(draws[m], kHighQuantile);
  }
  return estimates;
}

}  // namespace ounce
