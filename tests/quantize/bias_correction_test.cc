#include "quantize/bias_correction.h"

#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quantize/round_to_nearest.h"
#include "tests/quantize/restore.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CorrectBiasTest, IsWorkedByHand) {
  const Matrix weight(2, 3, {1, 2, 3, -1, 0, 4});
  const Matrix restored(2, 3, {1.5f, 2, 2, -1, 1, 4});
  // Row 0: -0.5 * 4 + 0 * 10 + 1 * 2 = 0, row 1: 0 * 4 - 1 * 10 + 0 * 2.
  std::vector<float> bias = {7, 7};
  ASSERT_OK(CorrectBias({weight.view(), restored.view()}, {4, 10, 2},
                        absl::MakeSpan(bias)));
  EXPECT_THAT(bias, ElementsAre(7, -3));
}

// What the correction is for: over the tokens whose mean it was given, the mean
// error of every output is gone, and the squared error is less.
TEST(CorrectBiasTest, TheMeanErrorOfTheOutputsBecomesZero) {
  constexpr int64_t kTokens = 200, kIn = 64, kOut = 16;
  Gaussian gaussian(3);
  const Matrix weight(kOut, kIn, gaussian.Floats(kOut * kIn));
  const Matrix restored(
      kOut, kIn,
      Restore(QuantizeRoundToNearest(weight.view(),
                                     {Codec::kInt4, 32, ScaleMethod::kAbsMax})
                  ->weight));
  Matrix x(kTokens, kIn, gaussian.Floats(kTokens * kIn));
  std::vector<float> mean;
  for (int64_t c = 0; c < kIn; ++c) {
    double sum = 0.0;
    for (int64_t t = 0; t < kTokens; ++t) {
      x.row(t)[c] += 0.1f * static_cast<float>(c % 7);  // Not centred.
      sum += double{x.row(t)[c]};
    }
    mean.push_back(static_cast<float>(sum / kTokens));
  }
  std::vector<float> bias(kOut, 0.0f);
  ASSERT_OK(CorrectBias({weight.view(), restored.view()}, mean,
                        absl::MakeSpan(bias)));
  double before = 0.0, after = 0.0;
  for (int64_t r = 0; r < kOut; ++r) {
    double mean_before = 0.0, mean_after = 0.0;
    for (int64_t t = 0; t < kTokens; ++t) {
      double error = 0.0;
      for (int64_t c = 0; c < kIn; ++c) {
        error += (double{restored.row(r)[c]} - double{weight.row(r)[c]}) *
                 double{x.row(t)[c]};
      }
      const double left = error + double{bias[static_cast<size_t>(r)]};
      mean_before += error / kTokens;
      mean_after += left / kTokens;
      before += error * error;
      after += left * left;
    }
    EXPECT_GT(std::abs(mean_before), 1e-3);
    // The mean and the bias are f32.
    EXPECT_NEAR(mean_after, 0.0, 1e-6);
  }
  EXPECT_LT(after, before);
}

TEST(CorrectBiasTest, RowsMayComeInPanels) {
  const Matrix weight(3, 2, {1, 2, 3, 4, 5, 6});
  const Matrix restored(3, 2, {0, 2, 3, 3, 5, 8});
  const std::vector<float> mean = {2, 3};
  std::vector<float> whole(3, 0.5f), parts(3, 0.5f);
  ASSERT_OK(CorrectBias({weight.view(), restored.view()}, mean,
                        absl::MakeSpan(whole)));
  for (int64_t begin : {0, 2}) {
    const int64_t end = begin == 0 ? 2 : 3;
    ASSERT_OK(CorrectBias(
        {weight.view().Rows(begin, end), restored.view().Rows(begin, end)},
        mean,
        absl::MakeSpan(parts).subspan(static_cast<size_t>(begin),
                                      static_cast<size_t>(end - begin))));
  }
  EXPECT_THAT(whole, ElementsAre(2.5f, 3.5f, -5.5f));
  EXPECT_EQ(parts, whole);
}

TEST(CorrectBiasTest, ExactWeightsKeepTheBias) {
  const Matrix weight(2, 2, {1, 2, 3, 4});
  std::vector<float> bias = {0.25f, 0.25f};
  ASSERT_OK(CorrectBias({weight.view(), weight.view()}, {1e30f, -1e30f},
                        absl::MakeSpan(bias)));
  EXPECT_THAT(bias, Each(0.25f));
}

TEST(CorrectBiasTest, RefusesWhatIsNotFinite) {
  const Matrix weight(2, 2, {1, 2, 3e38f, 4}), restored(2, 2);
  std::vector<float> bias = {1, 1};
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(CorrectBias({weight.view(), restored.view()}, {1, bad},
                            absl::MakeSpan(bias)),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("mean input of column 1 is")));
  }
  EXPECT_THAT(CorrectBias({weight.view(), restored.view()}, {10, 0},
                          absl::MakeSpan(bias)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("bias of row 1 would become")));
  EXPECT_THAT(bias, Each(1.0f));
}

}  // namespace
}  // namespace ounce
