#include "quantize/cholesky.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/correlated.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;
using ::testing::Eq;
using ::testing::Optional;

std::optional<int64_t> Factor(Matrix* matrix, int num_threads = 1) {
  ThreadPool pool(num_threads);
  KernelContext context(SupportedIsas().back(), &pool);
  return FactorCholesky(context, matrix->view());
}

void AddToDiagonal(float value, Matrix* matrix) {
  for (int64_t i = 0; i < matrix->rows(); ++i) matrix->row(i)[i] += value;
}

void ClearUpperTriangle(Matrix* matrix) {
  for (int64_t i = 0; i < matrix->rows(); ++i) {
    std::fill(matrix->row(i) + i + 1, matrix->row(i) + matrix->cols(), 0.0f);
  }
}

TEST(CholeskyTest, WorkedByHand) {
  // The upper triangle is not read.
  Matrix matrix(3, 3, {4, -9, -9, 2, 10, -9, -2, 5, 6});
  ASSERT_EQ(Factor(&matrix), std::nullopt);
  ClearUpperTriangle(&matrix);
  EXPECT_THAT(matrix.values(), ElementsAreArray({2.0f, 0.0f, 0.0f, 1.0f, 3.0f,
                                                 0.0f, -1.0f, 2.0f, 1.0f}));
}

// Around blocks of 128 and tiles of 192, with conditions as damping leaves
// them.
TEST(CholeskyTest, FactorTimesItsTransposeIsTheMatrix) {
  for (const int64_t n : {1, 127, 129, 330}) {
    Matrix matrix = CorrelatedHessian(n, n / 2 + 1, 3);
    AddToDiagonal(0.01f, &matrix);
    Matrix factor = matrix;
    ASSERT_EQ(Factor(&factor, 2), std::nullopt) << n;
    double worst = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (int64_t k = 0; k <= j; ++k) {
          sum += double{factor.row(i)[k]} * double{factor.row(j)[k]};
        }
        const double size =
            std::sqrt(double{matrix.row(i)[i]} * double{matrix.row(j)[j]});
        worst =
            std::max(worst, std::abs(sum - double{matrix.row(i)[j]}) / size);
      }
    }
    // Sums of up to 330 products, each rounded to f32.
    EXPECT_LT(worst, 30 * 0x1p-24) << n;
  }
}

TEST(CholeskyTest, ThreadsDoNotChangeTheBits) {
  Matrix one = CorrelatedHessian(500, 100, 4);
  AddToDiagonal(0.01f, &one);
  Matrix three = one;
  ASSERT_EQ(Factor(&one, 1), std::nullopt);
  ASSERT_EQ(Factor(&three, 3), std::nullopt);
  ClearUpperTriangle(&one);
  ClearUpperTriangle(&three);
  EXPECT_THAT(three.values(), ElementsAreArray(one.values()));
}

TEST(CholeskyTest, NamesTheFirstColumnThatIsNotIndependent) {
  // Column 2 is the sum of the others.
  Matrix dependent(3, 3, {2, 0, 0, 0, 3, 0, 2, 3, 5});
  EXPECT_THAT(Factor(&dependent), Optional(Eq(2)));
  Matrix negative(2, 2, {1, 0, 2, 1});
  EXPECT_THAT(Factor(&negative), Optional(Eq(1)));
  // 60 tokens cannot make 200 columns independent; f32 leaves noise, not zeros.
  Matrix few_tokens = CorrelatedHessian(200, 60, 5);
  EXPECT_NE(Factor(&few_tokens), std::nullopt);
}

TEST(CholeskyTest, RefusesWhatIsNoNumber) {
  Matrix matrix(2, 2, {1, 0, std::numeric_limits<float>::quiet_NaN(), 1});
  EXPECT_THAT(Factor(&matrix), Optional(Eq(1)));
}

}  // namespace
}  // namespace ounce
