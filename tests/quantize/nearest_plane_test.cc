#include "quantize/nearest_plane.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/coded_fixture.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

constexpr QuantizeOptions kInt4 = {Codec::kInt4, 32, ScaleMethod::kAbsMax};

TEST(NearestPlaneTest, WorkedByHandInThePresentedOrder) {
  // Scale 1.  Row 1 of L, column 0 of the weights, comes first: 1.4 becomes 1.
  // Its error 0.4 is 0.4 * 3 / 2 = 0.6 in the other: 2.4 + 0.6 rounds to 3.
  const Matrix factor(2, 2, {2, 0, 3, 1});
  const std::vector<int64_t> order = {1, 0};
  CodedFixture rows(Matrix(2, 2, {1.4f, 2.4f, -8.0f, 0.0f}), kInt4);
  rows.rows().scales[0] = 1.0f;
  NearestPlaneRounder(factor.view(), order).Round(rows.rows(), rows.error());
  EXPECT_THAT(rows.Codes(), ElementsAre(1, 3, -8, 0));
  EXPECT_FLOAT_EQ(rows.error().at(0, 0), 0.4f);
  EXPECT_FLOAT_EQ(rows.error().at(0, 1), -0.6f);
}

// What defines the algorithm, checked on its result: (D L)_j is at most half of
// scale * L_jj wherever the code is not at an end of the grid.  300 columns:
// three blocks.
TEST(NearestPlaneTest, EveryCodeIsTheBestInViewOfThoseBefore) {
  constexpr int64_t kCols = 300;
  Gaussian random(1);
  Matrix factor(kCols, kCols);
  for (int64_t i = 0; i < kCols; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      factor.row(i)[j] = static_cast<float>(0.1 * random.Next());
    }
    factor.row(i)[i] = 1.0f + 0.01f * static_cast<float>(i);
  }
  std::vector<int64_t> order(kCols);
  for (int64_t i = 0; i < kCols; ++i) {
    order[static_cast<size_t>(i)] = i * 7 % kCols;
  }
  const Matrix weight(5, kCols, random.Floats(5 * kCols));
  for (const Codec codec : {Codec::kInt4, Codec::kInt4Asymmetric}) {
    CodedFixture rows(weight, {codec, 32, ScaleMethod::kAbsMax});
    NearestPlaneRounder(factor.view(), order).Round(rows.rows(), rows.error());
    int64_t inside = 0;
    for (int64_t row = 0; row < 5; ++row) {
      for (int64_t j = 0; j < kCols; ++j) {
        const int64_t col = order[static_cast<size_t>(j)];
        EXPECT_EQ(rows.error().at(row, col), rows.rows().ErrorAt(row, col));
        const Grid& grid = rows.rows().grid;
        const int code = rows.rows().code(row, col);
        if (code == grid.low || code == grid.high) continue;
        ++inside;
        double sum = 0.0;
        for (int64_t i = j; i < kCols; ++i) {
          sum += double{rows.error().at(row, order[static_cast<size_t>(i)])} *
                 double{factor.row(i)[j]};
        }
        const double scale = double{rows.rows().group(row, col / 32).scale};
        EXPECT_LE(std::abs(sum),
                  0.5001 * std::abs(scale) * double{factor.row(j)[j]});
      }
    }
    EXPECT_GT(inside, 5 * kCols / 2);
  }
}

}  // namespace
}  // namespace ounce
