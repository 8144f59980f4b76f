#include "quantize/scale_search.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

// The oracle: the functions for one scale, one lane at a time.  Equal to the
// bit, because the search must not depend on how many scales run side by side.
TEST(TryScalesTest, EveryLaneHasTheSumsOfItsScaleAlone) {
  Gaussian gaussian(1);
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
    const Grid grid = GridOf(codec);
    for (const size_t size : {1, 5, 32, 33, 100}) {
      const std::vector<float> weights =
          gaussian.Floats(static_cast<int64_t>(size));
      ScaleTrials fit = {};
      for (size_t lane = 0; lane < ScaleTrials::kLanes; ++lane) {
        fit.groups[lane].scale = 0.05f * (static_cast<float>(lane) - 2.5f);
        if (grid.has_zero_point) {
          fit.groups[lane].zero_point = static_cast<int>(lane);
        }
      }
      ScaleTrials errors_only = fit;
      TryAndFitScales(weights, grid, &fit);
      TryScales(weights, grid, &errors_only);
      for (size_t lane = 0; lane < ScaleTrials::kLanes; ++lane) {
        const GroupScale group = fit.groups[lane];
        std::vector<int8_t> codes(size);
        NearestCodes(weights, group, grid, codes.data());
        EXPECT_EQ(fit.errors[lane], SquaredError(weights, group, codes.data()));
        EXPECT_EQ(errors_only.errors[lane], fit.errors[lane]);
        double product = 0.0;
        double square = 0.0;
        for (size_t i = 0; i < size; ++i) {
          const double level = codes[i] - group.zero_point;
          product += double{weights[i]} * level;
          square += level * level;
        }
        EXPECT_EQ(fit.fitted[lane],
                  square > 0 ? static_cast<float>(product / square) : 0.0f);
      }
    }
  }
}

TEST(TryScalesTest, LanesWithoutAScaleDisturbNoOther) {
  const std::vector<float> weights = {1.0f, -0.5f, 0.0f};
  ScaleTrials trials = {};
  trials.groups[3].scale = 0.5f;  // Levels 2, -1, 0: exact.
  TryAndFitScales(weights, GridOf(Codec::kInt4), &trials);
  EXPECT_EQ(trials.errors[3], 0.0);
  EXPECT_EQ(trials.fitted[3], 0.5f);
}

}  // namespace
}  // namespace ounce
