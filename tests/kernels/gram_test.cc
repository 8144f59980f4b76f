#include "kernels/gram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// The whole symmetric sum of all inputs.
Matrix Gram(int num_threads, const std::vector<Matrix>& inputs) {
  ThreadPool pool(num_threads);
  KernelContext context(SupportedIsas().back(), &pool);
  const int64_t width = inputs[0].cols();
  Matrix sum(width, width);
  for (const Matrix& x : inputs) AddGram(context, x.view(), sum.view());
  MirrorLowerTriangle(context, sum.view());
  return sum;
}

TEST(GramTest, WorkedByHand) {
  // Tokens (1, 2, 3) and (0, -1, 2).
  EXPECT_THAT(Gram(1, {Matrix(2, 3, {1, 2, 3, 0, -1, 2})}).values(),
              ElementsAre(1, 2, 3, 2, 5, 4, 3, 4, 13));
}

// One tile, tails beside whole tiles of 192, and few and many tokens.
TEST(GramTest, EqualsDoubleLoopsWithinFloatRounding) {
  for (const int64_t width : {1, 64, 191, 193, 600}) {
    for (const int64_t tokens : {1, 7, 130}) {
      RandomData random;
      const Matrix first = random.Floats(tokens, width);
      const Matrix second = random.Floats(tokens + 1, width);
      const Matrix sum = Gram(2, {first, second});
      double worst = 0.0;
      for (int64_t i = 0; i < width; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          double dot = 0.0;
          for (const Matrix* x : {&first, &second}) {
            for (int64_t t = 0; t < x->rows(); ++t) {
              dot += double{x->row(t)[i]} * double{x->row(t)[j]};
            }
          }
          worst = std::max(worst, std::abs(dot - double{sum.row(i)[j]}));
        }
      }
      // 261 products below 1 in any order of summation.
      EXPECT_LT(worst, 261 * 100 * 0x1p-24) << width << " " << tokens;
    }
  }
}

// sum_t a[t, i] * b[t, j] of two calls.
Matrix CrossGram(int num_threads, const Matrix& a, const Matrix& b) {
  ThreadPool pool(num_threads);
  KernelContext context(SupportedIsas().back(), &pool);
  Matrix sum(a.cols(), b.cols());
  const int64_t cut = a.rows() / 3;
  AddCrossGram(context, a.view().Rows(0, cut), b.view().Rows(0, cut),
               sum.view());
  AddCrossGram(context, a.view().Rows(cut, a.rows()),
               b.view().Rows(cut, b.rows()), sum.view());
  return sum;
}

TEST(CrossGramTest, WorkedByHand) {
  // a's tokens (1, 2), (0, -1), (3, 0), b's (5, 6), (7, 8), (1, 1).
  EXPECT_THAT(CrossGram(1, Matrix(3, 2, {1, 2, 0, -1, 3, 0}),
                        Matrix(3, 2, {5, 6, 7, 8, 1, 1}))
                  .values(),
              ElementsAre(8, 9, 3, 4));
}

TEST(CrossGramTest, EqualsDoubleLoopsWithinFloatRounding) {
  for (const int64_t width : {1, 64, 191, 193, 600}) {
    for (const int64_t tokens : {1, 7, 130}) {
      RandomData random;
      const Matrix a = random.Floats(tokens, width);
      const Matrix b = random.Floats(tokens, width);
      const Matrix sum = CrossGram(2, a, b);
      double worst = 0.0;
      for (int64_t i = 0; i < width; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          double dot = 0.0;
          for (int64_t t = 0; t < tokens; ++t) {
            dot += double{a.row(t)[i]} * double{b.row(t)[j]};
          }
          worst = std::max(worst, std::abs(dot - double{sum.row(i)[j]}));
        }
      }
      // 130 products below 1 in any order of summation.
      EXPECT_LT(worst, 130 * 100 * 0x1p-24) << width << " " << tokens;
    }
  }
}

TEST(CrossGramTest, ThreadsDoNotChangeTheBits) {
  RandomData random;
  const Matrix a = random.Floats(77, 700);
  const Matrix b = random.Floats(77, 700);
  EXPECT_THAT(CrossGram(3, a, b).values(),
              ElementsAreArray(CrossGram(1, a, b).values()));
}

TEST(GramTest, NoTokensAddNothing) {
  EXPECT_THAT(Gram(1, {Matrix(0, 2)}).values(), ElementsAre(0, 0, 0, 0));
}

TEST(GramTest, ThreadsDoNotChangeTheBits) {
  const Matrix x = RandomData().Floats(77, 700);
  EXPECT_THAT(Gram(3, {x, x}).values(),
              ElementsAreArray(Gram(1, {x, x}).values()));
}

TEST(GramTest, ReadsAndAddsWithinWiderMatrices) {
  ThreadPool pool(1);
  KernelContext context(SupportedIsas().back(), &pool);
  const Matrix x(2, 3, {1, 2, 99, 3, 4, 99});
  Matrix sum(2, 3, {1, 1, 7, 1, 1, 7});
  AddGram(context, {x.row(0), 2, 2, 3}, {sum.row(0), 2, 2, 3});
  MirrorLowerTriangle(context, {sum.row(0), 2, 2, 3});
  EXPECT_THAT(sum.values(), ElementsAre(11, 15, 7, 15, 21, 7));
}

}  // namespace
}  // namespace ounce
