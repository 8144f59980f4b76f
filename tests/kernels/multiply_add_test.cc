#include "kernels/multiply_add.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

struct Sizes {
  int64_t m, n, k;
};

// Factors of small whole numbers, so that every sum is exact in f32 and any
// order of summation gives the same.
class MultiplyAddTest : public ::testing::TestWithParam<Sizes> {
 protected:
  MultiplyAddTest() {
    const auto [m, n, k] = GetParam();
    left_ = Whole(m, k);
    right_ = Whole(k, n);
    sum_ = Whole(m, n);
    expected_ = sum_;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double dot = 0.0;
        for (int64_t c = 0; c < k; ++c) {
          dot += double{left_.row(i)[c]} * double{right_.row(c)[j]};
        }
        expected_.row(i)[j] += static_cast<float>(-0.5 * dot);
      }
    }
  }

  // Every combination of factors as they are and transposed.
  void Check(void (*multiply_add)(float, const Factor&, const Factor&,
                                  MatrixView<float>)) {
    const Matrix left_transposed = Transposed(left_);
    const Matrix right_transposed = Transposed(right_);
    for (const Factor& a :
         {Factor{left_.view()}, Factor{left_transposed.view(), true}}) {
      for (const Factor& b :
           {Factor{right_.view()}, Factor{right_transposed.view(), true}}) {
        Matrix c = sum_;
        multiply_add(-0.5f, a, b, c.view());
        EXPECT_THAT(c.values(), ElementsAreArray(expected_.values()))
            << a.transposed << b.transposed;
      }
    }
  }

 private:
  static Matrix Transposed(const Matrix& matrix) {
    Matrix out(matrix.cols(), matrix.rows());
    for (int64_t r = 0; r < out.rows(); ++r) {
      for (int64_t c = 0; c < out.cols(); ++c) {
        out.row(r)[c] = matrix.row(c)[r];
      }
    }
    return out;
  }
  Matrix Whole(int64_t rows, int64_t cols) {
    Matrix matrix(rows, cols);
    for (float& value : matrix.values()) {
      value = static_cast<float>(random_.Int(-9, 9));
    }
    return matrix;
  }

  RandomData random_;
  Matrix left_;
  Matrix right_;
  Matrix sum_;
  Matrix expected_;
};

TEST_P(MultiplyAddTest, EqualsDoubleLoops) { Check(MultiplyAdd); }
TEST_P(MultiplyAddTest, PlainLoopsEqualDoubleLoops) {
  Check(internal::PlainMultiplyAdd);
}

// Around the plain loops' parts of 64 x 512 and groups of four rows.
INSTANTIATE_TEST_SUITE_P(Sizes, MultiplyAddTest,
                         ::testing::Values(Sizes{1, 1, 1}, Sizes{3, 5, 2},
                                           Sizes{17, 33, 67}, Sizes{2, 513, 4},
                                           Sizes{130, 131, 257}));

TEST(MultiplyAddEmptyTest, EmptyFactorsAddNothing) {
  Matrix c(2, 2, {1, 2, 3, 4});
  const Matrix a(2, 0);
  const Matrix b(0, 2);
  MultiplyAdd(1.0f, {a.view()}, {b.view()}, c.view());
  EXPECT_THAT(c.values(), ElementsAreArray({1.0f, 2.0f, 3.0f, 4.0f}));
}

}  // namespace
}  // namespace ounce
