#include "quantize/grid.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/half.h"
#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

TEST(GridOfTest, EachCodecHasItsCodes) {
  for (const Codec codec : {Codec::kInt8, Codec::kInt8ActivationGroups}) {
    const Grid int8 = GridOf(codec);
    EXPECT_EQ(int8.low, -127);
    EXPECT_EQ(int8.high, 127);
    EXPECT_FALSE(int8.has_zero_point);
  }
  const Grid int4 = GridOf(Codec::kInt4);
  EXPECT_EQ(int4.low, -8);
  EXPECT_EQ(int4.high, 7);
  EXPECT_FALSE(int4.has_zero_point);
  const Grid progressive = GridOf(Codec::kInt4Progressive);
  EXPECT_EQ(progressive.low, -8);
  EXPECT_EQ(progressive.high, 7);
  EXPECT_FALSE(progressive.has_zero_point);
  const Grid asymmetric = GridOf(Codec::kInt4Asymmetric);
  EXPECT_EQ(asymmetric.low, 0);
  EXPECT_EQ(asymmetric.high, 15);
  EXPECT_TRUE(asymmetric.has_zero_point);
}

TEST(RoundHalfEvenTest, TiesGoToTheEvenNeighbour) {
  EXPECT_EQ(RoundHalfEven(0.5f), 0.0f);
  EXPECT_EQ(RoundHalfEven(1.5f), 2.0f);
  EXPECT_EQ(RoundHalfEven(2.5f), 2.0f);
  EXPECT_EQ(RoundHalfEven(-0.5f), 0.0f);
  EXPECT_EQ(RoundHalfEven(-1.5f), -2.0f);
  EXPECT_EQ(RoundHalfEven(-126.5f), -126.0f);
}

// The standard library's nearbyint rounds half to even by default.
TEST(RoundHalfEvenTest, EqualsTheStandardLibraryInItsRange) {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = static_cast<float>((random.NextDouble() - 0.5) * 8e6);
    EXPECT_EQ(RoundHalfEven(value), std::nearbyint(value));
    const float half = std::floor(value / 8) + 0.5f;
    EXPECT_EQ(RoundHalfEven(half), std::nearbyint(half));
  }
}

TEST(NearestCodeTest, ClampsToTheGrid) {
  const Grid grid = GridOf(Codec::kInt4);
  EXPECT_EQ(NearestCode(7.4f, {1.0f, 0}, grid), 7);
  EXPECT_EQ(NearestCode(7.6f, {1.0f, 0}, grid), 7);
  EXPECT_EQ(NearestCode(-8.6f, {1.0f, 0}, grid), -8);
  EXPECT_EQ(NearestCode(1e30f, {1e-30f, 0}, grid), 7);
  EXPECT_EQ(NearestCode(-1e30f, {1e-30f, 0}, grid), -8);
}

TEST(NearestCodeTest, NegativeScaleTurnsTheGridRound) {
  const Grid grid = GridOf(Codec::kInt4);
  EXPECT_EQ(NearestCode(8.0f, {-1.0f, 0}, grid), -8);
  EXPECT_EQ(NearestCode(-7.0f, {-1.0f, 0}, grid), 7);
}

TEST(NearestCodeTest, ZeroPointShiftsTheCodes) {
  const Grid grid = GridOf(Codec::kInt4Asymmetric);
  EXPECT_EQ(NearestCode(0.0f, {0.5f, 6}, grid), 6);
  EXPECT_EQ(NearestCode(1.1f, {0.5f, 6}, grid), 8);
  EXPECT_EQ(NearestCode(-3.4f, {0.5f, 6}, grid), 0);
  EXPECT_EQ(NearestCode(9.0f, {0.5f, 6}, grid), 15);
}

// Lengths around the ends of vectors and the usual group; the oracle divides,
// rounds and clamps in double, where the clamp comes last.
TEST(NearestCodesTest, AnyLengthRoundsEachWeight) {
  Random random(2);
  for (const size_t size : {1, 7, 8, 15, 31, 32, 33, 64, 100, 128}) {
    for (const Codec codec :
         {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
      const Grid grid = GridOf(codec);
      // A scale of 2^-3, so that the quotient is exact in either type.
      const GroupScale group = {-0.125f, grid.has_zero_point ? 5 : 0};
      std::vector<float> weights(size);
      for (float& weight : weights) {
        weight = static_cast<float>((random.NextDouble() - 0.5) * 64.0);
      }
      std::vector<int8_t> codes(size);
      NearestCodes(weights, group, grid, codes.data());
      for (size_t i = 0; i < size; ++i) {
        const double code =
            std::nearbyint(double{weights[i]} / -0.125) + group.zero_point;
        EXPECT_EQ(codes[i], std::clamp<double>(code, grid.low, grid.high));
      }
    }
  }
}

TEST(NearestCodesTest, ScaleZeroGivesCodesThatMeanZero) {
  std::vector<int8_t> codes(3, 99);
  NearestCodes({0.0f, 1e-20f, -1e-20f}, {0.0f, 0}, GridOf(Codec::kInt4),
               codes.data());
  EXPECT_THAT(codes, ElementsAre(0, 0, 0));
  NearestCodes({0.0f, 0.0f, 0.0f}, {0.0f, 5}, GridOf(Codec::kInt4Asymmetric),
               codes.data());
  EXPECT_THAT(codes, ElementsAre(5, 5, 5));
}

TEST(SquaredErrorTest, SumsTheSquaresOfWhatIsLost) {
  // 1 - 0.5 * (3 - 1) = 0; 0.75 - 0.5 * (2 - 1) = 0.25; -1 - 0.5 * (0 - 1) =
  // -0.5.
  const std::vector<int8_t> codes = {3, 2, 0};
  EXPECT_EQ(SquaredError({1.0f, 0.75f, -1.0f}, {0.5f, 1}, codes.data()),
            0.25 * 0.25 + 0.5 * 0.5);
}

// Against the exact sums, on groups of any length.
TEST(LosesLessTest, ComparesTheSquaredErrorsOfTheNearestCodes) {
  Random random(5);
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4Progressive, Codec::kInt4Asymmetric}) {
    const Grid grid = GridOf(codec);
    for (const size_t size : {1, 15, 16, 17, 32, 33, 64, 128}) {
      for (int trial = 0; trial < 50; ++trial) {
        std::vector<float> weights(size);
        for (float& weight : weights) {
          weight = static_cast<float>(random.NextDouble() - 0.5);
        }
        GroupScale groups[2];
        double errors[2];
        for (const int i : {0, 1}) {
          groups[i] = {static_cast<float>(0.2 * random.NextDouble() - 0.1),
                       grid.has_zero_point ? 6 : 0};
          std::vector<int8_t> codes(size);
          NearestCodes(weights, groups[i], grid, codes.data());
          errors[i] = SquaredError(weights, groups[i], codes.data());
        }
        if (std::abs(errors[0] - errors[1]) < 1e-4 * errors[0]) continue;
        EXPECT_EQ(LosesLess(weights, groups[0], groups[1], grid),
                  errors[0] < errors[1]);
      }
    }
  }
}

TEST(AbsMaxScaleTest, DividesTheLargestMagnitude) {
  EXPECT_EQ(AbsMaxScale({1.0f, -254.0f}, GridOf(Codec::kInt8)).scale, 2.0f);
}

TEST(AbsMaxScaleTest, Int4KeepsTheSignOfTheLargest) {
  const Grid grid = GridOf(Codec::kInt4);
  EXPECT_EQ(AbsMaxScale({1.0f, -8.0f}, grid).scale, 1.0f);
  EXPECT_EQ(AbsMaxScale({1.0f, 8.0f}, grid).scale, -1.0f);
  // Of two equals, the first.
  EXPECT_EQ(AbsMaxScale({-4.0f, 4.0f}, grid).scale, 0.5f);
  EXPECT_EQ(AbsMaxScale({4.0f, -4.0f}, grid).scale, -0.5f);
}

TEST(AbsMaxScaleTest, AsymmetricRangeIsWidenedToHoldZero) {
  const Grid grid = GridOf(Codec::kInt4Asymmetric);
  EXPECT_EQ(AbsMaxScale({-3.0f, 12.0f}, grid).scale, 1.0f);
  EXPECT_EQ(AbsMaxScale({10.0f, 30.0f}, grid).scale, 2.0f);
  EXPECT_EQ(AbsMaxScale({-10.0f, -30.0f}, grid).scale, 2.0f);
}

TEST(AbsMaxScaleTest, FindsTheLargestWhereverItStands) {
  const Grid int4 = GridOf(Codec::kInt4);
  for (const size_t size : {1, 5, 8, 31, 32, 33, 100}) {
    for (size_t at = 0; at < size; ++at) {
      std::vector<float> weights(size, 0.5f);
      weights[at] = -8.0f;
      EXPECT_EQ(AbsMaxScale(weights, int4).scale, 1.0f) << size << " " << at;
      EXPECT_EQ(LeastWeight(weights), -8.0f);
      weights[at] = 8.0f;
      EXPECT_EQ(AbsMaxScale(weights, int4).scale, -1.0f) << size << " " << at;
      EXPECT_EQ(LeastWeight(weights), 0.0f);
    }
  }
}

TEST(AbsMaxScaleTest, ZerosHaveScaleZero) {
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
    EXPECT_EQ(AbsMaxScale({0.0f, -0.0f}, GridOf(codec)).scale, 0.0f);
  }
}

// Rows whose groups are full, of one size of their own, and shorter at the end;
// more groups than are taken at once.
struct RowShape {
  int64_t cols;
  int64_t group_size;
};
constexpr RowShape kRowShapes[] = {{1, 32},    {31, 32},   {32, 32},
                                   {2080, 32}, {2085, 32}, {4096, 32},
                                   {256, 64},  {300, 128}, {77, 77}};

// Weights as in checkpoints: normal, few significant bits, so that magnitudes
// repeat; some groups of zeros, of either sign.
std::vector<float> SomeRow(RowShape shape, Random* random) {
  std::vector<float> row(static_cast<size_t>(shape.cols));
  for (size_t i = 0; i < row.size(); ++i) {
    const double value = (random->NextDouble() - 0.5) * random->NextDouble();
    row[i] = BF16ToF32(F32ToBF16(static_cast<float>(value)));
    const auto group = static_cast<int64_t>(i) / shape.group_size;
    if (group % 9 == 4) row[i] = value < 0 ? -0.0f : 0.0f;
  }
  return row;
}

// The definition: the weight of largest magnitude, the first of several, or the
// range widened to hold 0; no vectors, no bits.
float PlainAbsMax(absl::Span<const float> weights, const Grid& grid) {
  float low = 0.0f;
  float high = 0.0f;
  float largest = 0.0f;
  for (const float weight : weights) {
    low = std::min(low, weight);
    high = std::max(high, weight);
    if (std::abs(weight) > std::abs(largest)) largest = weight;
  }
  if (grid.has_zero_point) return (high - low) / grid.divisor;
  return (grid.divisor < 0 ? largest : std::abs(largest)) / grid.divisor;
}

TEST(AbsMaxScalesTest, EqualsAPlainLoopOverEachGroup) {
  Random random(11);
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4Progressive, Codec::kInt4Asymmetric}) {
    const Grid grid = GridOf(codec);
    for (const RowShape& shape : kRowShapes) {
      const std::vector<float> weights = SomeRow(shape, &random);
      const GroupRow row = {weights.data(), shape.cols, shape.group_size};
      std::vector<float> scales(static_cast<size_t>(row.num_groups()), 99.0f);
      AbsMaxScales(row, grid, scales.data());
      for (int64_t g = 0; g < row.num_groups(); ++g) {
        EXPECT_EQ(scales[static_cast<size_t>(g)],
                  PlainAbsMax(row.group(g), grid))
            << shape.cols << " " << shape.group_size << " " << g;
      }
    }
  }
}

// The two multiples by plain arithmetic, and LosesLess() between them.
float PlainMultipleBeside(absl::Span<const float> weights, const Grid& grid,
                          ScaleMultiples multiples, float scale) {
  if (scale == 0.0f) return 0.0f;
  const float position =
      std::min(std::abs(scale) / multiples.unit, multiples.most);
  const float lower = std::max(1.0f, std::floor(position));
  const float higher = std::min(lower + 1.0f, multiples.most);
  const float fine = std::copysign(lower * multiples.unit, scale);
  const float coarse = std::copysign(higher * multiples.unit, scale);
  return LosesLess(weights, {fine, 0}, {coarse, 0}, grid) ? fine : coarse;
}

TEST(MultiplesBesideTest, EqualsAPlainLoopOverEachGroup) {
  Random random(12);
  const Grid grid = GridOf(Codec::kInt4Progressive);
  for (const RowShape& shape : kRowShapes) {
    for (const float magnitude : {1e-30f, 1.0f, 1e30f}) {
      std::vector<float> weights = SomeRow(shape, &random);
      for (float& weight : weights) weight *= magnitude;
      const GroupRow row = {weights.data(), shape.cols, shape.group_size};
      std::vector<float> absmax(static_cast<size_t>(row.num_groups()));
      AbsMaxScales(row, grid, absmax.data());
      float largest = 0.0f;
      for (const float scale : absmax) {
        largest = std::max(largest, std::abs(scale));
      }
      const ScaleMultiples multiples = {largest / 15.0f, 15.0f};
      std::vector<float> scales = absmax;
      MultiplesBeside(row, grid, multiples, scales.data());
      for (size_t g = 0; g < scales.size(); ++g) {
        EXPECT_EQ(scales[g],
                  PlainMultipleBeside(row.group(static_cast<int64_t>(g)), grid,
                                      multiples, absmax[g]))
            << shape.cols << " " << shape.group_size << " " << g;
      }
    }
  }
}

TEST(MultiplesBesideTest, ARowOfZerosHasNoUnit) {
  const std::vector<float> weights(64, 0.0f);
  std::vector<float> scales = {-0.0f, 0.0f};
  MultiplesBeside({weights.data(), 64, 32}, GridOf(Codec::kInt4Progressive),
                  {0.0f, 15.0f}, scales.data());
  EXPECT_THAT(scales, ElementsAre(0.0f, 0.0f));
}

TEST(NearestRowCodesTest, RoundsEachWeightToItsGroupsGrid) {
  Random random(13);
  for (const Codec codec : {Codec::kInt4Progressive, Codec::kInt4Asymmetric}) {
    const Grid grid = GridOf(codec);
    for (const RowShape& shape : kRowShapes) {
      const std::vector<float> weights = SomeRow(shape, &random);
      const GroupRow row = {weights.data(), shape.cols, shape.group_size};
      std::vector<GroupScale> groups;
      for (int64_t g = 0; g < row.num_groups(); ++g) {
        const bool zero = g % 5 == 3;
        groups.push_back(
            {zero ? 0.0f : static_cast<float>(random.NextDouble() - 0.5),
             grid.has_zero_point ? static_cast<int>(g % 16) : 0});
      }
      std::vector<int8_t> codes(weights.size(), 99);
      NearestRowCodes(row, groups.data(), grid, codes.data());
      for (size_t i = 0; i < weights.size(); ++i) {
        const GroupScale& group =
            groups[i / static_cast<size_t>(shape.group_size)];
        EXPECT_EQ(codes[i], group.scale == 0.0f
                                ? group.zero_point
                                : NearestCode(weights[i], group, grid));
      }
    }
  }
}

TEST(IsTooSmallTest, GoesByWhatTheCodecStores) {
  const std::vector<float> weights = {1e-6f, 0.0f}, zeros = {0.0f, 0.0f};
  const std::vector<int8_t> codes = {3, 0}, none = {0, 0};
  // f16: 2^-14 is the smallest normal number.
  const CodecInfo& int4 = GetCodecInfo(Codec::kInt4);
  EXPECT_FALSE(IsTooSmall(int4, weights, -0x1p-14f, codes.data()));
  EXPECT_TRUE(IsTooSmall(int4, weights, -0x1p-15f, codes.data()));
  EXPECT_FALSE(IsTooSmall(int4, zeros, 0.0f, none.data()));
  // Multiples of a unit: a group that became zeros.
  const CodecInfo& progressive = GetCodecInfo(Codec::kInt4Progressive);
  EXPECT_FALSE(IsTooSmall(progressive, weights, 1e-30f, codes.data()));
  EXPECT_TRUE(IsTooSmall(progressive, weights, 1.0f, none.data()));
  EXPECT_FALSE(IsTooSmall(progressive, zeros, 0.0f, none.data()));
  EXPECT_FALSE(
      IsTooSmall(GetCodecInfo(Codec::kInt8), weights, 1e-30f, none.data()));
}

}  // namespace
}  // namespace ounce
