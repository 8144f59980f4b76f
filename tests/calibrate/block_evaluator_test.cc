#include "calibrate/block_evaluator.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calibrate/small_blocks.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

// The mean over tokens of |got - expected|^2 / |expected|^2.
double MeanError(const std::vector<Matrix>& expected,
                 const std::vector<Matrix>& got) {
  double sum = 0;
  double tokens = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    for (int64_t t = 0; t < expected[i].rows(); ++t) {
      double square = 0, error = 0;
      for (int64_t c = 0; c < expected[i].cols(); ++c) {
        const double value = expected[i].row(t)[c];
        square += value * value;
        error += std::pow(double{got[i].row(t)[c]} - value, 2);
      }
      sum += error / square;
      ++tokens;
    }
  }
  return sum / tokens;
}

class BlockEvaluatorTest : public ::testing::Test {
 protected:
  // `changed` has the same weights, but a block that adds nothing to what it
  // is given.
  void SetUp() override {
    for (const char* name : {"self_attn.o_proj", "mlp.down_proj"}) {
      changed_.Clear("model.layers.0." + std::string(name) + ".weight");
    }
  }
  const LayerWeights& Changed() { return *changed_.Run().layer; }

  // What the block gave, and what is left of it, of some windows.
  double ExpectedError(const std::vector<int64_t>& windows) {
    std::vector<Matrix> expected, got;
    for (const int64_t window : windows) {
      expected.push_back(blocks_.Output(window, *blocks_.Run().layer));
      got.push_back(blocks_.Read(window));
    }
    return MeanError(expected, got);
  }
  double Error(int64_t sample_tokens) {
    const auto evaluator = BlockEvaluator::Create(blocks_.Run(), sample_tokens);
    EXPECT_OK(evaluator);
    const auto error = evaluator->OutputError(Changed());
    EXPECT_OK(error);
    return *error;
  }

  const std::vector<int64_t> kTokens = {10, 10, 10, 10, 10, 10, 10, 10};
  SmallBlocks blocks_{TinySpec(), kTokens};
  SmallBlocks changed_{TinySpec(), kTokens};
};

TEST_F(BlockEvaluatorTest, TheSameBlockHasNoError) {
  ASSERT_OK_AND_ASSIGN(const BlockEvaluator evaluator,
                       BlockEvaluator::Create(blocks_.Run(), 1000));
  EXPECT_THAT(evaluator.OutputError(*blocks_.Run().layer), IsOkAndHolds(0.0));
}

TEST_F(BlockEvaluatorTest, ErrorsAreRelativeToEachToken) {
  const double expected = ExpectedError({0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_GT(expected, 0.1);
  EXPECT_NEAR(Error(1000), expected, 1e-9 * expected);
}

// Of 8 windows of 10 tokens, 25 tokens are two windows: the first and the
// fifth.
TEST_F(BlockEvaluatorTest, TakesWindowsEvenlyFromAll) {
  EXPECT_NEAR(Error(25), ExpectedError({0, 4}), 1e-9);
  EXPECT_NEAR(Error(40), ExpectedError({0, 2, 4, 6}), 1e-9);
  EXPECT_NEAR(Error(1), ExpectedError({0}), 1e-9);
}

// One of ten tokens, a thousand times as large as before: next to nothing of
// its own is lost, and it hides nothing of what the other nine lose.
TEST_F(BlockEvaluatorTest, ATokenThatIsHugeCountsLikeAnyOther) {
  const double before = ExpectedError({0});
  Matrix first = blocks_.Read(0);
  for (int64_t c = 0; c < first.cols(); ++c) first.row(3)[c] *= 1000.0f;
  ASSERT_OK(blocks_.inputs->Write(0, first.view()));
  const double error = Error(1);
  EXPECT_NEAR(error, ExpectedError({0}), 1e-9);
  EXPECT_GT(error, 0.5 * before);
}

TEST_F(BlockEvaluatorTest, ABlockThatGivesNoNumbersDoesNotPassForPerfect) {
  ASSERT_OK_AND_ASSIGN(const BlockEvaluator good,
                       BlockEvaluator::Create(blocks_.Run(), 1000));
  auto* weights = reinterpret_cast<float*>(changed_.model.source().MutableBytes(
      "model.layers.0.mlp.down_proj.weight"));
  weights[0] = NAN;
  ASSERT_OK_AND_ASSIGN(const double error, good.OutputError(Changed()));
  EXPECT_TRUE(std::isnan(error));
  // Nor where the float block gives none.
  LayerRun run = blocks_.Run();
  run.layer = &Changed();
  ASSERT_OK_AND_ASSIGN(const BlockEvaluator bad,
                       BlockEvaluator::Create(run, 1000));
  ASSERT_OK_AND_ASSIGN(const double after, bad.OutputError(Changed()));
  EXPECT_TRUE(std::isnan(after));
}

}  // namespace
}  // namespace ounce
