#include "quantize/half_quadratic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

using Weights = std::vector<float>;

// The loss of a scale with the nearest codes, in double and by pow().
double LossOf(const Weights& weights, GroupScale group, const Grid& grid) {
  double sum = 0.0;
  for (const float weight : weights) {
    const double level =
        std::clamp(std::nearbyint(double{weight} / double{group.scale}),
                   double(grid.low - group.zero_point),
                   double(grid.high - group.zero_point));
    sum += std::pow(std::abs(weight - double{group.scale} * level), 0.75);
  }
  return sum;
}

// Round-to-nearest's choice.
GroupScale AbsMax(const Weights& weights, Codec codec) {
  const CodecInfo& info = GetCodecInfo(codec);
  const Grid grid = GridOf(codec);
  GroupScale group = AbsMaxScale(weights, grid);
  if (info.max_multiple == 0) {
    group.scale = info.round_scale(group.scale, 0.0f);
  }
  if (grid.has_zero_point) {
    group.zero_point =
        static_cast<int>(std::nearbyint(-LeastWeight(weights) / group.scale));
  }
  return group;
}

GroupScale Descend(const Weights& weights, Codec codec) {
  return HalfQuadraticDescent(codec).Run(weights, AbsMax(weights, codec));
}

// The same descent as the paper has it, plainly and in double, for codecs whose
// scales are not rounded.
double ReferenceScale(const Weights& weights, double scale, const Grid& grid) {
  constexpr double kPower = 0.75;
  double beta = 10.0, least = std::numeric_limits<double>::infinity();
  double best = scale;
  for (int round = 0; round < 20; ++round) {
    double loss = 0.0, product = 0.0, square = 0.0;
    for (const float weight : weights) {
      const double level = std::clamp(std::nearbyint(double{weight} / scale),
                                      double(grid.low), double(grid.high));
      const double error = double{weight} / scale - level;
      const double size = std::abs(error);
      loss += std::pow(scale * scale, kPower / 2) * std::pow(size, kPower);
      const double copy =
          size == 0.0
              ? 0.0
              : std::copysign(
                    std::max(size - std::pow(size, kPower - 1) / beta, 0.0),
                    error);
      product += level * (double{weight} / scale - copy);
      square += level * level;
    }
    if (!(loss < least)) break;
    least = loss;
    best = scale;
    scale *= product / square;
    beta *= 1.01;
  }
  return best;
}

// Normal, with every fourth weight cubed.
Weights HeavyTailed(Gaussian* gaussian, int64_t count) {
  Weights weights = gaussian->Floats(count, 0.02);
  for (size_t i = 0; i < weights.size(); i += 4) {
    weights[i] *= 2500.0f * weights[i] * weights[i];
  }
  return weights;
}

TEST(HalfQuadraticLossTest, IsWorkedByHand) {
  // Errors 1, -16, 0 and 81: 1 + 8 + 0 + 27.
  const std::vector<int8_t> codes = {5, 1, 3, 3};
  EXPECT_DOUBLE_EQ(
      HalfQuadraticLoss({5.0f, -20.0f, 0.0f, 81.0f}, {2.0f, 3}, codes.data()),
      36.0);
}

class DescendHalfQuadraticTest : public ::testing::TestWithParam<Codec> {};

TEST_P(DescendHalfQuadraticTest, LosesNoMoreThanItsStart) {
  Gaussian gaussian(11);
  const Grid grid = GridOf(GetParam());
  for (int trial = 0; trial < 300; ++trial) {
    const Weights weights = trial % 2 == 0 ? HeavyTailed(&gaussian, 32)
                                           : gaussian.Floats(1 + trial % 64);
    const GroupScale start = AbsMax(weights, GetParam());
    // Sums in f32, of numbers rounded by 6e-8 of up to 127 steps.
    EXPECT_LE(LossOf(weights, Descend(weights, GetParam()), grid),
              LossOf(weights, start, grid) * (1.0 + 1e-4));
  }
}

// Weights on a grid and one beside it, which absmax meets: errors of up to a
// third of a step everywhere, while the codes are those of the grid already.
// The many errors are shrunken less than the one, and the grid is found.
class FindsTheGridTest : public ::testing::TestWithParam<Codec> {};

TEST_P(FindsTheGridTest, ThatMostWeightsLieOn) {
  Weights weights;
  for (int i = 0; i < 31; ++i) {
    weights.push_back(0.125f * static_cast<float>(i % 8 - 4));
  }
  weights.push_back(-1.1f);
  if (GetParam() == Codec::kInt4Asymmetric) weights[1] = 0.875f;
  const GroupScale found = Descend(weights, GetParam());
  EXPECT_LT(
      LossOf(weights, found, GridOf(GetParam())),
      0.5 * LossOf(weights, AbsMax(weights, GetParam()), GridOf(GetParam())));
  EXPECT_NEAR(std::abs(found.scale), 0.125, 1e-3);
}

TEST(HalfQuadraticZeroPointTest, MovesWhereThatLosesLess) {
  Gaussian gaussian(16);
  const Grid grid = GridOf(Codec::kInt4Asymmetric);
  HalfQuadraticDescent descent(Codec::kInt4Asymmetric);
  int moved = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    Weights weights = HeavyTailed(&gaussian, 32);
    for (float& weight : weights) weight += 0.05f;
    const GroupScale start = AbsMax(weights, Codec::kInt4Asymmetric);
    const GroupScale found = descent.Run(weights, start);
    if (found.zero_point == start.zero_point) continue;
    ++moved;
    EXPECT_LT(LossOf(weights, found, grid), LossOf(weights, start, grid));
  }
  EXPECT_GT(moved, 20);
}

class PlainDescentTest : public ::testing::TestWithParam<Codec> {};

TEST_P(PlainDescentTest, IsFollowed) {
  Gaussian gaussian(15);
  int moved = 0;
  for (int trial = 0; trial < 100; ++trial) {
    // Some more than a block of sums.
    const Weights weights = HeavyTailed(&gaussian, trial % 2 == 0 ? 32 : 1000);
    const GroupScale start = AbsMax(weights, GetParam());
    const double expected =
        ReferenceScale(weights, double{start.scale}, GridOf(GetParam()));
    const double found = double{Descend(weights, GetParam()).scale};
    // A weight halfway between two codes may go either way in f32.
    moved += std::abs(found / expected - 1.0) < 1e-5;
  }
  EXPECT_GE(moved, 90);
}

TEST_P(DescendHalfQuadraticTest, DoesNotDependOnTheUnit) {
  Gaussian gaussian(13);
  const Weights weights = HeavyTailed(&gaussian, 32);
  Weights larger = weights;
  for (float& weight : larger) weight *= 16.0f;
  const GroupScale a = Descend(weights, GetParam());
  const GroupScale b = Descend(larger, GetParam());
  EXPECT_EQ(b.scale, 16.0f * a.scale);
  EXPECT_EQ(b.zero_point, a.zero_point);
}

TEST_P(DescendHalfQuadraticTest, GroupsOfOneAndOfAlikeWeightsKeepTheirScale) {
  for (const size_t count : {size_t{1}, size_t{5}, size_t{32}}) {
    for (const float value : {0.7f, -0.7f, 1e-3f}) {
      const Weights weights(count, value);
      const GroupScale found = Descend(weights, GetParam());
      // As exact as f16 scales are.
      EXPECT_LE(LossOf(weights, found, GridOf(GetParam())),
                static_cast<double>(count) *
                    std::pow(std::abs(value) * 0x1.1p-11, 0.75));
    }
  }
}

std::string Name(const ::testing::TestParamInfo<Codec>& test) {
  std::string name;
  for (const char c : GetCodecInfo(test.param).name) {
    if (c != '-') name += c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Codecs, DescendHalfQuadraticTest,
                         ::testing::Values(Codec::kInt8, Codec::kInt4,
                                           Codec::kInt4Asymmetric,
                                           Codec::kInt4Progressive),
                         Name);
// The 127 steps of int8 are too fine for any one grid.
INSTANTIATE_TEST_SUITE_P(Codecs, FindsTheGridTest,
                         ::testing::Values(Codec::kInt4, Codec::kInt4Asymmetric,
                                           Codec::kInt4Progressive),
                         Name);
INSTANTIATE_TEST_SUITE_P(Codecs, PlainDescentTest,
                         ::testing::Values(Codec::kInt8,
                                           Codec::kInt4Progressive),
                         Name);

}  // namespace
}  // namespace ounce
