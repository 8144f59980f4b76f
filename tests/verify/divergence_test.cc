#include "verify/divergence.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/verify/golden_metrics.h"

namespace ounce {
namespace {

// Logits are f32: a logarithm of up to 8 is off by 2^-22 at most.
constexpr double kTolerance = 0x1p-21;
const float kLog2 = std::log(2.0f);
const float kLog3 = std::log(3.0f);

TEST(CompareLogitsTest, TwoTokensWorkedByHand) {
  // p = (1/2, 1/2), q = (3/4, 1/4): KL = ln(2/3) / 2 + ln(2) / 2 = ln(4/3) / 2.
  const Divergence result = CompareLogits({0, 0}, {kLog3, 0}, /*target=*/1);
  EXPECT_NEAR(result.kl, std::log(4.0 / 3.0) / 2, kTolerance);
  EXPECT_NEAR(result.nll_float, std::log(2.0), kTolerance);
  EXPECT_NEAR(result.nll, std::log(4.0), kTolerance);
}

TEST(CompareLogitsTest, ThreeTokensWorkedByHand) {
  // p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2): KL = ln(2) / 2 - ln(2) / 4.
  const Divergence result =
      CompareLogits({kLog2, 0, 0}, {0, 0, kLog2}, /*target=*/0);
  EXPECT_NEAR(result.kl, std::log(2.0) / 4, kTolerance);
  EXPECT_NEAR(result.nll_float, std::log(2.0), kTolerance);
  EXPECT_NEAR(result.nll, std::log(4.0), kTolerance);
  EXPECT_FALSE(result.same_top1);
}

TEST(CompareLogitsTest, TiesOfTheTopGoToTheLowestId) {
  EXPECT_TRUE(CompareLogits({1, 1, 0}, {2, 1, 1}, 0).same_top1);
  EXPECT_FALSE(CompareLogits({1, 1, 0}, {0, 1, 1}, 0).same_top1);
  EXPECT_TRUE(CompareLogits({0, 0}, {5, 5}, 0).same_top1);
}

TEST(CompareLogitsTest, ConstantAddedToLogitsChangesNothing) {
  const Divergence a = CompareLogits({0, 1, 3}, {2, 0, 1}, 2);
  const Divergence b = CompareLogits({1000, 1001, 1003}, {-98, -100, -99}, 2);
  // Sums near 1000 have units of 1e-13.
  EXPECT_NEAR(a.kl, b.kl, 1e-12);
  EXPECT_NEAR(a.nll_float, b.nll_float, 1e-12);
  EXPECT_NEAR(a.nll, b.nll, 1e-12);
}

TEST(CompareLogitsTest, EqualLogitsHaveNoDivergence) {
  const std::vector<float> logits = Gaussian(1).Floats(1000, 5.0);
  EXPECT_EQ(CompareLogits(logits, logits, 3).kl, 0.0);
}

TEST(CompareLogitsTest, DivergenceIsNeverNegative) {
  Gaussian gaussian(2);
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<float> a = gaussian.Floats(50, 3.0);
    std::vector<float> b = a;
    b[7] = std::nextafter(b[7], 10.0f);
    EXPECT_GE(CompareLogits(a, b, 0).kl, 0.0);
  }
}

TEST(CompareLogitsTest, LargeDifferencesStayFinite) {
  // All of p lies where q has exp(-1000).
  const Divergence result = CompareLogits({1000, 0}, {0, 1000}, 0);
  EXPECT_NEAR(result.kl, 1000.0, 1e-9);
  EXPECT_NEAR(result.nll_float, 0.0, 1e-9);
  EXPECT_NEAR(result.nll, 1000.0, 1e-9);
}

// scipy.special.rel_entr of six pairs over 50 tokens.
TEST(CompareLogitsTest, EqualsScipy) {
  const Json golden = GoldenMetrics();
  const Json* entry = golden.Find("divergence_nats");
  ASSERT_NE(entry, nullptr);
  const std::vector<double> kl_pq = Numbers(*entry->Find("kl_pq"));
  const std::vector<double> kl_qp = Numbers(*entry->Find("kl_qp"));
  ASSERT_EQ(kl_pq.size(), 6u);
  for (size_t i = 0; i < kl_pq.size(); ++i) {
    std::vector<float> p, q;
    const std::vector<double> row = Numbers((*entry->Find("p")->AsArray())[i]);
    for (const double value : row) {
      p.push_back(static_cast<float>(std::log(value)));
    }
    for (const double value : Numbers((*entry->Find("q")->AsArray())[i])) {
      q.push_back(static_cast<float>(std::log(value)));
    }
    const Divergence forward = CompareLogits(p, q, 9);
    EXPECT_NEAR(forward.kl, kl_pq[i], 2 * kTolerance);
    EXPECT_NEAR(forward.nll_float, -std::log(row[9]), 2 * kTolerance);
    EXPECT_NEAR(CompareLogits(q, p, 9).kl, kl_qp[i], 2 * kTolerance);
  }
}

TEST(CompareLogitsTest, LogitsThatAreNotFiniteGiveAKlThatIsNot) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    for (const size_t at : {0u, 1u, 2u}) {
      std::vector<float> damaged = {1, 2, 3};
      damaged[at] = bad;
      const std::vector<float> good = {1, 2, 3};
      EXPECT_FALSE(std::isfinite(CompareLogits(good, damaged, 0).kl)) << bad;
      EXPECT_FALSE(std::isfinite(CompareLogits(damaged, good, 0).kl)) << bad;
      EXPECT_FALSE(std::isfinite(CompareLogits(damaged, damaged, 0).kl)) << bad;
    }
  }
}

TEST(LogProbabilityTest, IsTheLogarithmOfSoftmax) {
  EXPECT_NEAR(LogProbability({kLog3, 0}, 0), std::log(0.75), kTolerance);
  EXPECT_NEAR(LogProbability({kLog3, 0}, 1), std::log(0.25), kTolerance);
  EXPECT_NEAR(LogProbability({500, 500, 500, 500}, 2), -std::log(4.0), 1e-12);
}

// Probabilities 1/2 and 3/4 of a yes:
// 1/2 ln(1/2 / 3/4) + 1/2 ln(1/2 / 1/4) = 1/2 ln(4/3).
TEST(CompareLabelSetsTest, IsWorkedByHand) {
  const auto logit = static_cast<float>(std::log(3.0));
  EXPECT_NEAR(CompareLabelSets({0}, {logit}), 0.5 * std::log(4.0 / 3.0), 1e-7);
  // Labels add up; a label that both give alike adds nothing.
  EXPECT_NEAR(CompareLabelSets({0, 0, 5}, {logit, -logit, 5}),
              std::log(4.0 / 3.0), 1e-7);
  EXPECT_EQ(CompareLabelSets({1, -2}, {1, -2}), 0.0);
}

// Softmax over x and 0 is the logistic function of x.
TEST(CompareLabelSetsTest, EqualsAChoiceBetweenTwo) {
  for (const float a : {-30.0f, -1.5f, 0.25f, 80.0f}) {
    for (const float b : {-40.0f, -1.0f, 2.0f, 90.0f}) {
      const double two = CompareLogits({a, 0}, {b, 0}, 0).kl;
      EXPECT_NEAR(CompareLabelSets({a}, {b}), two, 1e-12 * (1 + two));
    }
  }
}

TEST(CompareLabelSetsTest, IsNotFiniteIfALogitIsNot) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(std::isfinite(CompareLabelSets({nan}, {1})));
  EXPECT_FALSE(std::isfinite(CompareLabelSets({1}, {nan})));
}

}  // namespace
}  // namespace ounce
