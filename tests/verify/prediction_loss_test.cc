#include "verify/prediction_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"
#include "tests/verify/tiny_encoders.h"

namespace ounce {
namespace {

class PredictionTallyTest : public ::testing::Test {
 protected:
  // States at random, and the logits that a model's head makes of them.
  Matrix States(int64_t rows, uint64_t seed) {
    Matrix states(rows, 24);
    const std::vector<float> values = Gaussian(seed).Floats(rows * 24);
    std::copy(values.begin(), values.end(), states.row(0));
    return states;
  }
  Matrix LogitsOf(const Matrix& states) {
    Matrix logits(states.rows(), 50);
    executor_.Logits(states.view(), logits.view());
    return logits;
  }
  static double Nll(absl::Span<const float> logits, int32_t target) {
    double sum = 0;
    for (const float x : logits) sum += std::exp(double{x});
    return std::log(sum) - double{logits[static_cast<size_t>(target)]};
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const TinyModel model_{TinySpec()};
  Executor executor_{model_.weights(), &context_, 8};
};

// Units of 1, 70 and 3 positions, of which some count for nothing: every
// position weighs the same.
TEST_F(PredictionTallyTest, MeansAreOverPositions) {
  PredictionTally tally(&context_);
  double kl = 0, nll_float = 0, nll = 0, count = 0;
  uint64_t seed = 1;
  for (const int64_t rows : {1, 70, 3}) {
    const Matrix a = States(rows, seed++);
    const Matrix b = States(rows, seed++);
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < rows; ++i) {
      targets.push_back(i % 5 == 4 ? -1 : static_cast<int32_t>(i % 50));
    }
    const Matrix p = LogitsOf(a);
    const Matrix q = LogitsOf(b);
    for (int64_t i = 0; i < rows; ++i) {
      const int32_t target = targets[static_cast<size_t>(i)];
      if (target < 0) continue;
      count += 1;
      kl += PlainKl(RowOf(p, i), RowOf(q, i));
      nll_float += Nll(RowOf(p, i), target);
      nll += Nll(RowOf(q, i), target);
    }
    ASSERT_OK(
        tally.AddUnit({&executor_, a.view()}, {&executor_, b.view()}, targets));
  }
  const PredictionLoss loss = tally.Finish();
  EXPECT_EQ(loss.units, 3);
  EXPECT_EQ(loss.tokens_scored, static_cast<int64_t>(count));
  // Products of other numbers of rows may round otherwise.
  EXPECT_NEAR(loss.kl.value / (kl / count), 1.0, 1e-5);
  EXPECT_NEAR(loss.ppl_float.value / std::exp(nll_float / count), 1.0, 1e-5);
  EXPECT_NEAR(loss.ppl.value / std::exp(nll / count), 1.0, 1e-5);
  EXPECT_NEAR(loss.ppl_ratio.value / std::exp((nll - nll_float) / count), 1.0,
              1e-5);
}

TEST_F(PredictionTallyTest, UnitsWithoutPositionsChangeNoValue) {
  PredictionTally with(&context_), without(&context_);
  for (uint64_t unit = 0; unit < 40; ++unit) {
    const Matrix a = States(2, 2 * unit);
    const Matrix b = States(2, 2 * unit + 1);
    ASSERT_OK(
        with.AddUnit({&executor_, a.view()}, {&executor_, b.view()}, {3, 4}));
    ASSERT_OK(
        with.AddUnit({&executor_, a.view()}, {&executor_, b.view()}, {-1, -1}));
    ASSERT_OK(without.AddUnit({&executor_, a.view()}, {&executor_, b.view()},
                              {3, 4}));
  }
  const PredictionLoss a = with.Finish();
  const PredictionLoss b = without.Finish();
  EXPECT_DOUBLE_EQ(a.kl.value, b.kl.value);
  EXPECT_DOUBLE_EQ(a.ppl_ratio.value, b.ppl_ratio.value);
  EXPECT_EQ(a.kl_percentiles.p90, b.kl_percentiles.p90);
}

}  // namespace
}  // namespace ounce
