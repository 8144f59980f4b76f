#include "quantize/grid.h"

#include <algorithm>

namespace ounce {
namespace {

GroupScale AsymmetricScale(absl::Span<const float> weights, const Grid& grid) {
  float low = 0.0f;
  float high = 0.0f;
  for (const float weight : weights) {
    low = std::min(low, weight);
    high = std::max(high, weight);
  }
  return {(high - low) / grid.divisor, 0};
}

}  // namespace

void NearestCodes(absl::Span<const float> weights, GroupScale group,
                  const Grid& grid, int8_t* codes) {
  if (group.scale == 0.0f) {
    std::fill_n(codes, weights.size(), static_cast<int8_t>(group.zero_point));
    return;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    codes[i] = static_cast<int8_t>(NearestCode(weights[i], group, grid));
  }
}

double SquaredError(absl::Span<const float> weights, GroupScale group,
                    const int8_t* codes) {
  double sum = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const float restored =
        group.scale * static_cast<float>(codes[i] - group.zero_point);
    const double error = double{weights[i]} - double{restored};
    sum += error * error;
  }
  return sum;
}

GroupScale AbsMaxScale(absl::Span<const float> weights, const Grid& grid) {
  if (grid.has_zero_point) return AsymmetricScale(weights, grid);
  float magnitude = 0.0f;
  for (const float weight : weights) {
    magnitude = std::max(magnitude, std::abs(weight));
  }
  if (grid.divisor > 0) return {magnitude / grid.divisor, 0};
  // The first weight of that magnitude lends its sign.
  for (const float weight : weights) {
    if (std::abs(weight) == magnitude) return {weight / grid.divisor, 0};
  }
  return {};
}

}  // namespace ounce
