#include "quantize/scale_search.h"

#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr size_t kLanes = ScaleTrials::kLanes;

// The same over all lanes as NearestLevel() and what follows it for one scale.
template <bool kFit>
OUNCE_VECTORIZE_PART void Try(absl::Span<const float> weights, Grid grid,
                              ScaleTrials* trials) {
  std::array<float, kLanes> scale;
  std::array<float, kLanes> low;
  std::array<float, kLanes> high;
  for (size_t lane = 0; lane < kLanes; ++lane) {
    const GroupScale& group = trials->groups[lane];
    scale[lane] = group.scale;
    low[lane] = static_cast<float>(grid.low - group.zero_point);
    high[lane] = static_cast<float>(grid.high - group.zero_point);
  }
  std::array<double, kLanes> errors = {};
  std::array<double, kLanes> product = {};
  std::array<double, kLanes> square = {};
  for (const float weight : weights) {
    // Unrolled, it would no longer look like a loop to the vectoriser.
#pragma GCC unroll 1
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float level = weight / scale[lane];
      level = level < low[lane] ? low[lane] : level;
      level = level > high[lane] ? high[lane] : level;
      level = RoundHalfEven(level);
      const double error = double{weight} - double{scale[lane] * level};
      errors[lane] += error * error;
      if constexpr (kFit) {
        product[lane] += double{weight} * double{level};
        square[lane] += double{level} * double{level};
      }
    }
  }
  trials->errors = errors;
  if constexpr (kFit) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      trials->fitted[lane] =
          square[lane] > 0 ? static_cast<float>(product[lane] / square[lane])
                           : 0.0f;
    }
  }
}

}  // namespace

OUNCE_VECTORIZE void TryAndFitScales(absl::Span<const float> weights,
                                     const Grid& grid, ScaleTrials* trials) {
  Try<true>(weights, grid, trials);
}

OUNCE_VECTORIZE void TryScales(absl::Span<const float> weights,
                               const Grid& grid, ScaleTrials* trials) {
  Try<false>(weights, grid, trials);
}

}  // namespace ounce
