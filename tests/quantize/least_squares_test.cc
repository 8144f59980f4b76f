// ScaleMethod::kLeastSquares of quantize/round_to_nearest.h.
#include <cmath>
#include <string>
#include <vector>

#include "core/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quantize/round_to_nearest.h"
#include "tests/quantize/restore.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

class LeastSquaresTest : public ::testing::TestWithParam<Codec> {
 protected:
  QuantizedMatrix Quantize(const Matrix& weight, ScaleMethod scale) const {
    const int64_t group_size = GetParam() == Codec::kInt8 ? 0 : 32;
    return QuantizeRoundToNearest(weight.view(),
                                  {GetParam(), group_size, scale})
        ->weight;
  }
  double Loss(const Matrix& weight, ScaleMethod scale) const {
    return SquaredDistance(weight, Quantize(weight, scale));
  }
};

TEST_P(LeastSquaresTest, IsNeverWorseThanAbsMaxInAnyRow) {
  Gaussian gaussian(1);
  for (int trial = 0; trial < 300; ++trial) {
    Matrix row(1, 32, gaussian.Floats(32, std::exp(gaussian.Next())));
    // Every third row has heavier tails.
    if (trial % 3 == 0) {
      for (float& weight : row.values()) weight *= weight * weight;
    }
    EXPECT_LE(Loss(row, ScaleMethod::kLeastSquares),
              Loss(row, ScaleMethod::kAbsMax));
  }
}

TEST_P(LeastSquaresTest, StoresOnlyScalesThatTheCodecHolds) {
  const Matrix weight(4, 64, Gaussian(3).Floats(4 * 64));
  const QuantizedMatrix result = Quantize(weight, ScaleMethod::kLeastSquares);
  if (GetParam() == Codec::kInt8) return;
  for (size_t i = 0; i < result.scales.size(); ++i) {
    const float scale = result.scales[i];
    if (GetParam() != Codec::kInt4Progressive) {
      EXPECT_EQ(scale, F16ToF32(F32ToF16(scale)));
      continue;
    }
    // Two groups a row: some unit has both as multiples of at most 15.
    const float other = result.scales[i ^ 1];
    bool has_unit = false;
    for (int n = 1; n <= 15; ++n) {
      const double unit = double{std::abs(scale)} / n;
      const double multiple = std::abs(double{other}) / unit;
      has_unit |= multiple <= 15 && multiple == std::round(multiple);
    }
    EXPECT_TRUE(has_unit) << scale << " beside " << other;
  }
}

TEST_P(LeastSquaresTest, StaysWithinTheGrid) {
  const Matrix weight(4, 64, Gaussian(4).Floats(4 * 64));
  const QuantizedMatrix result = Quantize(weight, ScaleMethod::kLeastSquares);
  const int low = GetParam() == Codec::kInt8             ? -127
                  : GetParam() == Codec::kInt4Asymmetric ? 0
                                                         : -8;
  const int high = GetParam() == Codec::kInt8             ? 127
                   : GetParam() == Codec::kInt4Asymmetric ? 15
                                                          : 7;
  for (const int code : result.codes) {
    EXPECT_GE(code, low);
    EXPECT_LE(code, high);
  }
}

TEST_P(LeastSquaresTest, ZeroRowStaysZero) {
  EXPECT_EQ(Loss(Matrix(1, 32), ScaleMethod::kLeastSquares), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Codecs, LeastSquaresTest,
                         ::testing::Values(Codec::kInt8, Codec::kInt4,
                                           Codec::kInt4Asymmetric,
                                           Codec::kInt4Progressive),
                         [](const ::testing::TestParamInfo<Codec>& test) {
                           switch (test.param) {
                             case Codec::kInt8:
                               return std::string("Int8");
                             case Codec::kInt4:
                               return std::string("Int4");
                             case Codec::kInt4Progressive:
                               return std::string("Int4Progressive");
                             default:
                               return std::string("Int4Asymmetric");
                           }
                         });

// 31 weights of +-1 and one of 10, int4.  absmax: scale -1.25, so that 1 is
// code -1 and 1.25 away by 0.25: loss 31 / 16 = 1.94.  A scale that clips 10
// to 7 or 8 steps of 1.2 loses (10 - 9.6)^2 + 31 * 0.2^2 = 1.4, so the best is
// lower still.
TEST(LeastSquaresOutlierTest, ClipsAnOutlierWhereThatLosesLess) {
  Matrix weight(1, 32);
  for (int64_t i = 0; i < 32; ++i) weight.row(0)[i] = i % 2 == 0 ? 1.0f : -1.0f;
  weight.row(0)[9] = 10.0f;
  QuantizeOptions options = {Codec::kInt4, 32, ScaleMethod::kAbsMax};
  const double absmax = SquaredDistance(
      weight, QuantizeRoundToNearest(weight.view(), options)->weight);
  EXPECT_NEAR(absmax, 31.0 / 16.0, 1e-6);
  options.scale = ScaleMethod::kLeastSquares;
  const double least = SquaredDistance(
      weight, QuantizeRoundToNearest(weight.view(), options)->weight);
  EXPECT_LE(least, 1.4 + 1e-2);  // f16 rounds 1.2 by up to 2^-11 of it.
}

// On normal weights, int4 in groups of 32: the search must find clearly more
// than nothing; 5 % is half of what a fine grid search over the scale gives.
TEST(LeastSquaresOutlierTest, GainsOnNormalWeights) {
  const Matrix weight(64, 128, Gaussian(9).Floats(64 * 128));
  QuantizeOptions options = {Codec::kInt4, 32, ScaleMethod::kAbsMax};
  const double absmax = SquaredDistance(
      weight, QuantizeRoundToNearest(weight.view(), options)->weight);
  options.scale = ScaleMethod::kLeastSquares;
  const double least = SquaredDistance(
      weight, QuantizeRoundToNearest(weight.view(), options)->weight);
  EXPECT_LT(least, 0.95 * absmax);
}

}  // namespace
}  // namespace ounce
