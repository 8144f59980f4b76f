// Tries several scales on one group of weights at once.
#ifndef OUNCE_QUANTIZE_SCALE_SEARCH_H_
#define OUNCE_QUANTIZE_SCALE_SEARCH_H_

#include <array>
#include <cstddef>

#include "absl/types/span.h"
#include "quantize/grid.h"

namespace ounce {

// Scales side by side, one a lane, so that vectors run over scales: the sums of
// each are then made weight by weight, in the order that one scale alone would
// have.
struct ScaleTrials {
  // Two 256-bit vectors of doubles; more would not fit the registers.
  static constexpr size_t kLanes = 8;

  // A lane whose scale is 0 is not tried: its sums mean nothing.
  std::array<GroupScale, kLanes> groups;
  // sum (weight - scale * level)^2, level = code - zero_point of the nearest
  // code, as SquaredError() has it.
  std::array<double, kLanes> errors;
  // The scale with the least squared error for these codes, not yet rounded:
  // sum(weight * level) / sum(level^2), or 0.
  std::array<float, kLanes> fitted;
};

// Fills in `errors` and `fitted`.
void TryAndFitScales(absl::Span<const float> weights, const Grid& grid,
                     ScaleTrials* trials);
// Fills in `errors` alone, in about two thirds of the time.
void TryScales(absl::Span<const float> weights, const Grid& grid,
               ScaleTrials* trials);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_SCALE_SEARCH_H_
