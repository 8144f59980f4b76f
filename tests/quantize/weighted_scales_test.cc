#include "quantize/weighted_scales.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/coded_fixture.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

// The weighted error of a row's groups with their scales and nearest codes, in
// f64.
double WeightedError(const CodedRows& rows, int64_t row,
                     const std::vector<float>& importance) {
  double sum = 0.0;
  for (int64_t c = 0; c < rows.cols(); ++c) {
    const GroupScale group = rows.group(row, c / rows.group_size);
    const double weight = double{rows.weight.at(row, c)};
    const double level =
        group.scale == 0.0f
            ? 0.0
            : std::clamp(std::nearbyint(weight / double{group.scale}),
                         double(rows.grid.low - group.zero_point),
                         double(rows.grid.high - group.zero_point));
    const double rest = weight - double{group.scale} * level;
    sum += double{importance[static_cast<size_t>(c)]} * rest * rest;
  }
  return sum;
}

TEST(WeightedScalesTest, MeetsTheColumnsThatMatter) {
  // absmax meets 100 with a step of 12.5.  If 100 does not matter, a step of 10
  // meets all others exactly.
  Matrix weight(1, 32);
  for (int64_t c = 0; c < 32; ++c)
    weight.row(0)[c] = c % 2 == 0 ? 60.0f : 70.0f;
  weight.row(0)[0] = 100.0f;
  std::vector<float> importance(32, 1.0f);
  importance[0] = 0.0f;
  CodedFixture rows(weight, {Codec::kInt4, 32, ScaleMethod::kAbsMax});
  ChooseWeightedScales(importance, rows.rows());
  EXPECT_EQ(std::abs(rows.rows().scale(0, 0)), 10.0f);
  EXPECT_EQ(WeightedError(rows.rows(), 0, importance), 0.0);
}

TEST(WeightedScalesTest, NeverWorseThanAbsMaxAndStorable) {
  Gaussian random(1);
  const Matrix weight(8, 200, random.Floats(1600));
  std::vector<float> importance(200);
  for (float& value : importance) {
    value = static_cast<float>(std::exp(2.0 * random.Next()));
  }
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
    CodedFixture rows(
        weight, {codec, codec == Codec::kInt8 ? 0 : 64, ScaleMethod::kAbsMax});
    std::vector<double> before;
    for (int64_t row = 0; row < 8; ++row) {
      before.push_back(WeightedError(rows.rows(), row, importance));
    }
    ChooseWeightedScales(importance, rows.rows());
    double sum = 0.0;
    double sum_before = 0.0;
    for (int64_t row = 0; row < 8; ++row) {
      const double after = WeightedError(rows.rows(), row, importance);
      // The search itself sums in f32.
      EXPECT_LE(after, before[static_cast<size_t>(row)] * 1.0001);
      sum += after;
      sum_before += before[static_cast<size_t>(row)];
    }
    EXPECT_LT(sum, 0.97 * sum_before) << GetCodecInfo(codec).name;
    for (const float scale : rows.matrix().scales) {
      EXPECT_EQ(scale, GetCodecInfo(codec).round_scale(scale, 0.0f));
    }
  }
}

TEST(WeightedScalesTest, TriesAllMultiplesOfAUnit) {
  const Matrix weight(1, 64, Gaussian(2).Floats(64));
  std::vector<float> importance(64, 1.0f);
  for (size_t c = 0; c < 64; c += 3) importance[c] = 20.0f;
  CodedFixture rows(weight,
                    {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax});
  rows.SetUnits({0.03f});
  ChooseWeightedScales(importance, rows.rows());
  const double chosen = WeightedError(rows.rows(), 0, importance);
  double best = chosen;
  for (int64_t g = 0; g < 2; ++g) {
    const float own = rows.rows().scale(0, g);
    for (int multiple = -15; multiple <= 15; ++multiple) {
      if (multiple == 0) continue;
      rows.rows().scale(0, g) = static_cast<float>(multiple) * 0.03f;
      best = std::min(best, WeightedError(rows.rows(), 0, importance));
    }
    rows.rows().scale(0, g) = own;
  }
  EXPECT_LE(chosen, best * 1.0001);
}

TEST(WeightedScalesTest, ZeroGroupsStayZero) {
  Matrix weight(1, 64);
  weight.row(0)[40] = 1.0f;
  CodedFixture rows(weight, {Codec::kInt4, 32, ScaleMethod::kAbsMax});
  ChooseWeightedScales(std::vector<float>(64, 1.0f), rows.rows());
  EXPECT_EQ(rows.rows().scale(0, 0), 0.0f);
  EXPECT_NE(rows.rows().scale(0, 1), 0.0f);
}

}  // namespace
}  // namespace ounce
