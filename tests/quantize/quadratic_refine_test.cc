#include "quantize/quadratic_refine.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/packing/int4_progressive.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/coded_fixture.h"
#include "tests/quantize/correlated.h"
#include "tests/util/gaussian.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

Matrix Copy(MatrixView<const float> view) {
  Matrix copy(view.rows, view.cols);
  for (int64_t row = 0; row < view.rows; ++row) {
    std::copy_n(view.row(row), view.cols, copy.row(row));
  }
  return copy;
}

TEST(QuadraticRefineTest, ErrorsEqualDoubleLoops) {
  const Matrix hessian = CorrelatedHessian(200, 90, 1);
  const Matrix error(3, 200, Gaussian(2).Floats(600));
  std::vector<double> sums(3);
  QuadraticErrors(error.view(), hessian.view(), sums.data());
  for (int64_t row = 0; row < 3; ++row) {
    const double expected =
        QuadraticError(Copy(error.view().Rows(row, row + 1)), hessian);
    EXPECT_NEAR(sums[static_cast<size_t>(row)], expected, 1e-5 * expected);
  }
}

TEST(QuadraticRefineTest, MovesACodeToItsBestInViewOfTheOthers) {
  // Scale 1: 1.4 and 1.4 rounded to 1 lose 2 * 0.4^2 + 2 * 0.9 * 0.4^2.  The
  // first is best where it is wanted at 1 + (0.4 + 0.36) = 1.76: at 2; then the
  // other at 1.4 - 0.9 * 0.6 = 0.86, where it is.  The third column weighs so
  // much that the scale stays at 1.
  const Matrix hessian(3, 3, {1, 0.9f, 0, 0.9f, 1, 0, 0, 0, 1e6f});
  CodedFixture rows(Matrix(1, 3, {1.4f, 1.4f, -8.0f}),
                    {Codec::kInt4, 32, ScaleMethod::kAbsMax});
  EXPECT_THAT(rows.Codes(), ElementsAre(1, 1, -8));
  QuadraticRefiner(hessian.view()).Sweep(rows.rows(), rows.error());
  EXPECT_THAT(rows.Codes(), ElementsAre(2, 1, -8));
}

TEST(QuadraticRefineTest, ColumnsWithoutDiagonalKeepTheirCodes) {
  const Matrix hessian(2, 2, {0, 0, 0, 1});
  CodedFixture rows(Matrix(1, 2, {3.3f, -8.0f}),
                    {Codec::kInt4, 32, ScaleMethod::kAbsMax});
  rows.rows().code(0, 0) = 5;
  rows.SetErrors();
  QuadraticRefiner(hessian.view()).Sweep(rows.rows(), rows.error());
  EXPECT_EQ(rows.rows().code(0, 0), 5);
}

TEST(QuadraticRefineTest, FindsTheScaleThatTheCodesWereMadeWith) {
  // Weights that are multiples of 0.5 and scales 5 % too large: the codes are
  // still the nearest, and columns are independent, so that they stay.  128
  // columns: four groups.
  Matrix weight(1, 128);
  for (int64_t c = 0; c < 128; ++c) {
    weight.row(0)[c] = 0.5f * static_cast<float>(c * 5 % 16 - 8);
  }
  Matrix hessian(128, 128);
  for (int64_t i = 0; i < 128; ++i) {
    hessian.row(i)[i] = 1.0f + 0.01f * static_cast<float>(i);
  }
  for (const int64_t group_size : {32, 0}) {
    CodedFixture rows(weight, {Codec::kInt4, group_size, ScaleMethod::kAbsMax});
    for (int64_t g = 0; g < rows.rows().num_groups(); ++g) {
      rows.rows().scale(0, g) *= 1.05f;
    }
    rows.SetErrors();
    QuadraticRefiner(hessian.view()).Sweep(rows.rows(), rows.error());
    for (int64_t g = 0; g < rows.rows().num_groups(); ++g) {
      EXPECT_EQ(rows.rows().scale(0, g), 0.5f) << group_size;
    }
  }
}

TEST(QuadraticRefineTest, ProgressiveScalesStayMultiplesOfTheirUnit) {
  const Matrix hessian = CorrelatedHessian(160, 400, 5);
  const Matrix weight(6, 160, Gaussian(6).Floats(6 * 160));
  CodedFixture rows(weight,
                    {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax});
  std::vector<float> units;
  for (int64_t row = 0; row < 6; ++row) {
    float largest = 0.0f;
    for (int64_t g = 0; g < 5; ++g) {
      largest = std::max(largest, std::abs(rows.rows().scale(row, g)));
    }
    units.push_back(Int4ProgressiveRowScale(largest));
  }
  for (int64_t row = 0; row < 6; ++row) {
    for (int64_t g = 0; g < 5; ++g) {
      float& scale = rows.rows().scale(row, g);
      scale = RoundInt4ProgressiveScale(scale, units[static_cast<size_t>(row)]);
    }
  }
  rows.SetErrors();
  rows.SetUnits(units);
  const double before = QuadraticError(Copy(rows.error()), hessian);
  QuadraticRefiner refiner(hessian.view());
  refiner.Sweep(rows.rows(), rows.error());
  bool moved = false;
  for (int64_t row = 0; row < 6; ++row) {
    const float unit = rows.rows().units[row];
    moved |= unit != units[static_cast<size_t>(row)];
    for (int64_t g = 0; g < 5; ++g) {
      const float scale = rows.rows().scale(row, g);
      const float multiple = std::round(scale / unit);
      EXPECT_EQ(scale, unit * multiple);
      EXPECT_GE(std::abs(multiple), 1.0f);
      EXPECT_LE(std::abs(multiple), 15.0f);
    }
  }
  EXPECT_TRUE(moved);
  EXPECT_LT(QuadraticError(Copy(rows.error()), hessian), before);
}

TEST(QuadraticRefineTest, KeepsTheErrorOfEveryCodec) {
  const Matrix hessian = CorrelatedHessian(300, 400, 7);
  const Matrix weight(6, 300, Gaussian(8).Floats(6 * 300));
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
    CodedFixture rows(
        weight, {codec, codec == Codec::kInt8 ? 0 : 64, ScaleMethod::kAbsMax});
    const double before = QuadraticError(Copy(rows.error()), hessian);
    QuadraticRefiner refiner(hessian.view());
    refiner.Sweep(rows.rows(), rows.error());
    for (int64_t row = 0; row < 6; ++row) {
      for (int64_t c = 0; c < 300; ++c) {
        EXPECT_EQ(rows.error().at(row, c), rows.rows().ErrorAt(row, c));
      }
    }
    EXPECT_LT(QuadraticError(Copy(rows.error()), hessian), 0.7 * before);
  }
}

}  // namespace
}  // namespace ounce
