#include "quantize/channel_scales.h"

#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> Smooth(const ChannelStatistics& statistics, double alpha) {
  return *ChannelScales(ScaleRule::kSmoothQuant, statistics, alpha);
}
std::vector<float> Awq(const ChannelStatistics& statistics, double alpha) {
  return *ChannelScales(ScaleRule::kAwq, statistics, alpha);
}

TEST(SmoothQuantScalesTest, AreWorkedByHand) {
  // sqrt(2 / 2), sqrt(16 / 1), sqrt(2 / 0.5).
  const ChannelStatistics statistics = {{2, 16, 2}, {1, 1, 1}, {2, 1, 0.5f}};
  EXPECT_THAT(Smooth(statistics, 0.5), ElementsAre(1.0f, 4.0f, 2.0f));
  // All of the difficulty to the weights: activations become 1; none of it:
  // columns of weights do.
  EXPECT_THAT(Smooth(statistics, 1.0), ElementsAre(2.0f, 16.0f, 2.0f));
  EXPECT_THAT(Smooth(statistics, 0.0), ElementsAre(0.5f, 1.0f, 2.0f));
  // 2^0.75 / 2^0.25 = 2^0.5; 16^0.75 / 1 = 8; 2^0.75 / 0.5^0.25 = 2.
  EXPECT_THAT(Smooth(statistics, 0.75),
              ElementsAre(FloatEq(std::sqrt(2.0f)), 8.0f, FloatEq(2.0f)));
}

// Eq. 4 at 0.5 leaves activations and weights with the same maximum, the root
// of the product of what they had.
TEST(SmoothQuantScalesTest, ShareTheDifficultyEvenlyAtOneHalf) {
  Gaussian gaussian(4);
  ChannelStatistics statistics;
  for (int c = 0; c < 50; ++c) {
    statistics.largest_input.push_back(
        static_cast<float>(std::exp(2.0 * gaussian.Next())));
    statistics.mean_input.push_back(statistics.largest_input.back() / 3);
    statistics.largest_weight.push_back(
        static_cast<float>(0.1 * std::exp(gaussian.Next())));
  }
  const std::vector<float> scales = Smooth(statistics, 0.5);
  for (size_t c = 0; c < scales.size(); ++c) {
    EXPECT_NEAR(statistics.largest_input[c] / scales[c] /
                    (statistics.largest_weight[c] * scales[c]),
                1.0, 1e-6);
  }
}

TEST(AwqScalesTest, AreWorkedByHand) {
  const ChannelStatistics statistics = {{9, 9, 9}, {1, 4, 16}, {1, 1, 1}};
  // sqrt(1 * 16) = 4.
  EXPECT_THAT(Awq(statistics, 1.0), ElementsAre(0.25f, 1.0f, 4.0f));
  // 1, 2, 4 by sqrt(4).
  EXPECT_THAT(Awq(statistics, 0.5), ElementsAre(0.5f, 1.0f, 2.0f));
  EXPECT_THAT(Awq(statistics, 0.0), Each(1.0f));
}

TEST(AwqScalesTest, DoNotDependOnTheUnitOfActivations) {
  const ChannelStatistics small = {{1, 1, 1}, {1e-3f, 2e-3f, 5e-3f}, {1, 1, 1}};
  const ChannelStatistics large = {{1, 1, 1}, {1e3f, 2e3f, 5e3f}, {1, 1, 1}};
  const std::vector<float> a = Awq(small, 0.7), b = Awq(large, 0.7);
  for (size_t c = 0; c < a.size(); ++c) EXPECT_NEAR(a[c] / b[c], 1.0, 1e-6);
}

TEST(ChannelScalesTest, DeadChannelsHaveScaleOneAndCountForNoOther) {
  // Channel 1 is never active, no weight reads channel 2.
  const ChannelStatistics statistics = {
      {1, 0, 500, 16}, {1, 0, 400, 16}, {1, 1, 0, 1}};
  EXPECT_THAT(Awq(statistics, 1.0), ElementsAre(0.25f, 1.0f, 1.0f, 4.0f));
  EXPECT_THAT(Smooth(statistics, 0.5), ElementsAre(1.0f, 1.0f, 1.0f, 4.0f));
  const ChannelStatistics dead = {{0, 0}, {0, 0}, {0, 1}};
  EXPECT_THAT(Awq(dead, 0.5), Each(1.0f));
  EXPECT_THAT(Smooth(dead, 0.5), Each(1.0f));
}

TEST(ChannelScalesTest, StayWithinTheirBounds) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kMin = std::numeric_limits<float>::denorm_min();
  const ChannelStatistics statistics = {
      {kMax, kMin, 1}, {kMax, kMin, 1}, {kMin, kMax, 1}};
  for (const ScaleRule rule : {ScaleRule::kSmoothQuant, ScaleRule::kAwq}) {
    for (const double alpha : {0.0, 0.3, 0.5, 1.0}) {
      ASSERT_OK_AND_ASSIGN(const std::vector<float> scales,
                           ChannelScales(rule, statistics, alpha));
      for (const float scale : scales) {
        EXPECT_GE(scale, kLeastChannelScale);
        EXPECT_LE(scale, kMostChannelScale);
      }
    }
  }
  EXPECT_THAT(Smooth(statistics, 0.5),
              ElementsAre(kMostChannelScale, kLeastChannelScale, 1.0f));
}

TEST(AwqScalesTest, AChannelThatIsNearlyDeadLeavesTheOthersTheirRatios) {
  const ChannelStatistics statistics = {{1, 1, 1}, {1, 2, 1e-30f}, {1, 1, 1}};
  // 1e-30 counts as 2e-4; sqrt(2 * 2e-4) = 0.02.
  EXPECT_THAT(Awq(statistics, 1.0),
              ElementsAre(FloatEq(50.0f), FloatEq(100.0f), FloatEq(0.01f)));
}

TEST(ChannelScalesTest, RefusesStatisticsThatAreNoMagnitudes) {
  for (const float bad : {kNan, kInfinity, -1.0f}) {
    for (int which = 0; which < 3; ++which) {
      ChannelStatistics statistics = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
      std::vector<float>* const all[] = {&statistics.largest_input,
                                         &statistics.mean_input,
                                         &statistics.largest_weight};
      (*all[which])[2] = bad;
      EXPECT_THAT(ChannelScales(ScaleRule::kAwq, statistics, 0.5),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           AllOf(HasSubstr("of channel 2 is"),
                                 HasSubstr("finite magnitude"))));
      EXPECT_FALSE(ScaleCandidates(ScaleRule::kSmoothQuant, statistics).ok());
    }
  }
}

TEST(ChannelScalesTest, RefusesSizesThatDifferAndOtherAlphas) {
  EXPECT_THAT(
      ChannelScales(ScaleRule::kAwq, {{1, 1}, {1, 1}, {1}}, 0.5),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("largest weight is of 1 channels; expected 2")));
  for (const double alpha : {-0.1, 1.5, double{kNan}}) {
    EXPECT_THAT(ChannelScales(ScaleRule::kAwq, {{1}, {1}, {1}}, alpha),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 0 to 1")));
  }
}

TEST(ScaleCandidatesTest, BeginWithNoScalingAndRunToOne) {
  const ChannelStatistics statistics = {{2, 8}, {1, 4}, {1, 2}};
  for (const ScaleRule rule : {ScaleRule::kSmoothQuant, ScaleRule::kAwq}) {
    ASSERT_OK_AND_ASSIGN(const std::vector<ScaleCandidate> candidates,
                         ScaleCandidates(rule, statistics));
    EXPECT_EQ(candidates.size(), rule == ScaleRule::kAwq ? 21 : 22);
    EXPECT_EQ(candidates[0].alpha, std::nullopt);
    EXPECT_THAT(candidates[0].scales, ElementsAre(1.0f, 1.0f));
    EXPECT_EQ(candidates.back().alpha, 1.0);
    for (size_t i = 2; i < candidates.size(); ++i) {
      EXPECT_NEAR(*candidates[i].alpha - *candidates[i - 1].alpha, 0.05, 1e-12);
      EXPECT_EQ(candidates[i].scales,
                *ChannelScales(rule, statistics, *candidates[i].alpha));
    }
  }
}

TEST(ColumnMaximaTest, RiseWithEachPanelOfRows) {
  const Matrix matrix(3, 2, {1, -5, -2, 3, 0.5f, 7});
  std::vector<float> largest(2, 0.0f);
  RaiseToColumnMaxima(matrix.view().Rows(0, 2), absl::MakeSpan(largest));
  EXPECT_THAT(largest, ElementsAre(2, 5));
  RaiseToColumnMaxima(matrix.view().Rows(2, 3), absl::MakeSpan(largest));
  EXPECT_THAT(largest, ElementsAre(2, 7));
}

// Two heads of two dimensions share each key and value head.
TEST(ChannelsOfTest, ColumnsThatReadOneChannelAreTakenTogether) {
  ScaleFold fold;
  fold.channels = 4;
  fold.block = 2;
  fold.repeats = 2;
  const std::vector<float> columns = {1, 2, 5, 4, 0, 8, 6, 0};
  EXPECT_THAT(LargestOfChannels(fold, columns), ElementsAre(5, 4, 6, 8));
  EXPECT_THAT(MeanOfChannels(fold, columns), ElementsAre(3, 3, 3, 4));
  const std::vector<float> broken = {1, 2, kNan, 4, 0, 8, 6, 0};
  EXPECT_TRUE(std::isnan(LargestOfChannels(fold, broken)[0]));
  EXPECT_TRUE(std::isnan(MeanOfChannels(fold, broken)[0]));
  const std::vector<float> first = {kNan, 2, 3, 4, 0, 8, 6, 0};
  EXPECT_TRUE(std::isnan(LargestOfChannels(fold, first)[0]));
}

}  // namespace
}  // namespace ounce
