#include "quantize/error_propagation.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/correlated.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

absl::StatusOr<Matrix> Propagate(const Matrix& weight, const Matrix& moment,
                                 const Matrix& drift,
                                 const PropagationOptions& options,
                                 int threads = 2) {
  ThreadPool pool(threads);
  KernelContext context(SupportedIsas().back(), &pool);
  return PropagateError(context, weight.view(), {moment.view(), drift.view()},
                        options);
}

Matrix RandomMatrix(int64_t rows, int64_t cols, uint64_t seed) {
  return Matrix(rows, cols, Gaussian(seed).Floats(rows * cols));
}

// In f64, one row at a time: elimination with pivots, no factor.
std::vector<double> Solve(std::vector<std::vector<double>> a,
                          std::vector<double> b) {
  const size_t n = b.size();
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < n; ++j) a[i][j] -= factor * a[k][j];
      b[i] -= factor * b[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

// Row `row` of weight + strength * weight * drift * damped^-1, of a symmetric
// damped moment.
std::vector<double> Reference(const Matrix& weight, const Matrix& moment,
                              const Matrix& drift,
                              const PropagationOptions& options, int64_t row) {
  const int64_t in = weight.cols();
  std::vector<std::vector<double>> damped;
  std::vector<double> right(static_cast<size_t>(in));
  for (int64_t i = 0; i < in; ++i) {
    damped.emplace_back(moment.row(i), moment.row(i) + in);
    damped.back()[static_cast<size_t>(i)] *= 1.0 + options.damping;
    for (int64_t j = 0; j < in; ++j) {
      right[static_cast<size_t>(j)] +=
          double{weight.row(row)[i]} * double{drift.row(i)[j]};
    }
  }
  std::vector<double> moved = Solve(damped, right);
  for (int64_t j = 0; j < in; ++j) {
    double& value = moved[static_cast<size_t>(j)];
    value = double{weight.row(row)[j]} + options.strength * value;
  }
  return moved;
}

TEST(PropagateErrorTest, IsWorkedByHand) {
  // Moments 2 and 4, drifts of a half of the first channel into the second:
  // w = (3, 5) moves by (3, 5) * drift / (2, 4) = (5 * 1 / 2, 3 * 2 / 4).
  ASSERT_OK_AND_ASSIGN(
      Matrix moved, Propagate(Matrix(1, 2, {3, 5}), Matrix(2, 2, {2, 0, 0, 4}),
                              Matrix(2, 2, {0, 2, 1, 0}), {1.0, 0.0}));
  EXPECT_THAT(moved.values(), ElementsAre(5.5f, 6.5f));
  // Half way, and damping that doubles the moments.
  ASSERT_OK_AND_ASSIGN(
      moved, Propagate(Matrix(1, 2, {3, 5}), Matrix(2, 2, {2, 0, 0, 4}),
                       Matrix(2, 2, {0, 2, 1, 0}), {0.5, 1.0}));
  EXPECT_THAT(moved.values(), ElementsAre(3.625f, 5.375f));
}

// Widths below, at and above a block of 64 columns, and rows of one task of 128
// and more.
TEST(PropagateErrorTest, EqualsAPlainSolutionInDoubles) {
  for (const int64_t in : {1, 3, 63, 64, 65, 128, 200}) {
    for (const int64_t out : {1, 130}) {
      const Matrix moment = CorrelatedHessian(in, 4 * in + 8, 5);
      const Matrix weight = RandomMatrix(out, in, 1);
      const Matrix drift = RandomMatrix(in, in, 2);
      const PropagationOptions options = {0.7, 0.1};
      ASSERT_OK_AND_ASSIGN(const Matrix moved,
                           Propagate(weight, moment, drift, options));
      ASSERT_EQ(moved.rows(), out);
      ASSERT_EQ(moved.cols(), in);
      for (const int64_t row : {int64_t{0}, out - 1}) {
        const std::vector<double> expected =
            Reference(weight, moment, drift, options, row);
        double error = 0, size = 0;
        for (int64_t j = 0; j < in; ++j) {
          const double value = expected[static_cast<size_t>(j)];
          error += std::pow(double{moved.row(row)[j]} - value, 2);
          size += value * value;
        }
        EXPECT_LT(std::sqrt(error / size), 1e-4) << in << " " << out;
      }
    }
  }
}

// What it is for: of all weights these, on the input there is, come nearest to
// what the old ones make of the float model's.
TEST(PropagateErrorTest, MakesUpForTheErrorOfTheInput) {
  constexpr int64_t kTokens = 300, kIn = 40, kOut = 8;
  const Matrix y = RandomMatrix(kTokens, kIn, 3);  // The float model's.
  Matrix x(kTokens, kIn);
  const Matrix noise = RandomMatrix(kTokens, kIn, 4);
  for (int64_t t = 0; t < kTokens; ++t) {
    for (int64_t c = 0; c < kIn; ++c) {
      // A channel leaks into the next, and something that none tells.
      const float next = y.row(t)[(c + 1) % kIn];
      x.row(t)[c] = 0.8f * y.row(t)[c] + 0.3f * next + 0.05f * noise.row(t)[c];
    }
  }
  Matrix moment(kIn, kIn), drift(kIn, kIn);
  for (int64_t i = 0; i < kIn; ++i) {
    for (int64_t j = 0; j < kIn; ++j) {
      double own = 0, other = 0;
      for (int64_t t = 0; t < kTokens; ++t) {
        own += double{x.row(t)[i]} * double{x.row(t)[j]};
        other += double{y.row(t)[i] - x.row(t)[i]} * double{x.row(t)[j]};
      }
      moment.row(i)[j] = static_cast<float>(own / kTokens);
      drift.row(i)[j] = static_cast<float>(other / kTokens);
    }
  }
  const Matrix weight = RandomMatrix(kOut, kIn, 6);
  const auto error = [&](const Matrix& used) {
    double sum = 0;
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t r = 0; r < kOut; ++r) {
        double difference = 0;
        for (int64_t c = 0; c < kIn; ++c) {
          difference += double{weight.row(r)[c]} * double{y.row(t)[c]} -
                        double{used.row(r)[c]} * double{x.row(t)[c]};
        }
        sum += difference * difference;
      }
    }
    return sum;
  };
  ASSERT_OK_AND_ASSIGN(const Matrix moved,
                       Propagate(weight, moment, drift, {1.0, 0.0}));
  ASSERT_OK_AND_ASSIGN(const Matrix half,
                       Propagate(weight, moment, drift, {0.5, 0.0}));
  EXPECT_LT(error(moved), 0.1 * error(weight));
  EXPECT_LT(error(half), error(weight));
  EXPECT_LT(error(moved), error(half));
  // A step to any side is worse.
  Matrix aside = moved;
  for (const float step : {0.02f, -0.02f}) {
    for (const int64_t c : {0, 17, 39}) {
      aside.row(3)[c] = moved.row(3)[c] + step;
      EXPECT_GT(error(aside), error(moved));
      aside.row(3)[c] = moved.row(3)[c];
    }
  }
}

TEST(PropagateErrorTest, WithoutStrengthOrDriftNothingMoves) {
  const Matrix moment = CorrelatedHessian(70, 300, 5);
  const Matrix weight = RandomMatrix(9, 70, 1);
  ASSERT_OK_AND_ASSIGN(
      const Matrix still,
      Propagate(weight, moment, RandomMatrix(70, 70, 2), {0.0, 0.01}));
  EXPECT_THAT(still.values(), ElementsAreArray(weight.values()));
  ASSERT_OK_AND_ASSIGN(const Matrix same,
                       Propagate(weight, moment, Matrix(70, 70), {1.0, 0.01}));
  EXPECT_THAT(same.values(), ElementsAreArray(weight.values()));
}

// A channel that is always 0 has no moments and drifts into none.
TEST(PropagateErrorTest, LeavesTheWeightsOfDeadChannels) {
  ASSERT_OK_AND_ASSIGN(
      const Matrix moved,
      Propagate(Matrix(1, 2, {3, 5}), Matrix(2, 2, {2, 0, 0, 0}),
                Matrix(2, 2, {1, 0, 0, 0}), {1.0, 0.0}));
  EXPECT_THAT(moved.values(), ElementsAre(4.5f, 5.0f));
}

TEST(PropagateErrorTest, RefusesMomentsThatAreSingular) {
  const Matrix weight(1, 2, {3, 5});
  const Matrix drift(2, 2, {1, 0, 0, 1});
  const Matrix singular(2, 2, {1, 1, 1, 1});
  EXPECT_THAT(Propagate(weight, singular, drift, {1.0, 0.0}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("not positive definite")));
  EXPECT_OK(Propagate(weight, singular, drift, {1.0, 0.1}));
  EXPECT_THAT(Propagate(weight, Matrix(2, 2, {1, 0, 0, NAN}), drift, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("calibration tokens")));
}

TEST(PropagateErrorTest, ThreadsDoNotChangeTheBits) {
  const Matrix moment = CorrelatedHessian(200, 900, 5);
  const Matrix weight = RandomMatrix(400, 200, 1);
  const Matrix drift = RandomMatrix(200, 200, 2);
  ASSERT_OK_AND_ASSIGN(const Matrix one,
                       Propagate(weight, moment, drift, {0.5, 0.01}, 1));
  ASSERT_OK_AND_ASSIGN(const Matrix three,
                       Propagate(weight, moment, drift, {0.5, 0.01}, 3));
  EXPECT_THAT(three.values(), ElementsAreArray(one.values()));
}

}  // namespace
}  // namespace ounce
