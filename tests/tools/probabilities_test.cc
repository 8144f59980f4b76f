#include "tools/probabilities.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// e^1 = 2.718281828, e^2 = 7.389056099; with e^0 they sum to 11.107337927.
TEST(ProbabilitiesTest, SharesOfExponentials) {
  const std::vector<float> logits = {0.0f, 1.0f, 2.0f};
  ASSERT_OK_AND_ASSIGN(const std::vector<double> shares, Softmax(logits));
  EXPECT_THAT(shares, ElementsAre(DoubleNear(0.0900305732, 1e-9),
                                  DoubleNear(0.2447284711, 1e-9),
                                  DoubleNear(0.6652409558, 1e-9)));
  // Large logits do not overflow, and equal distances give equal shares.
  const std::vector<float> large = {3000.0f, 3001.0f, 3002.0f};
  ASSERT_OK_AND_ASSIGN(const std::vector<double> same, Softmax(large));
  EXPECT_NEAR(same[1], shares[1], 1e-12);
}

TEST(ProbabilitiesTest, LabelsExcludeEachOtherUnlessToldOtherwise) {
  const std::vector<float> logits = {0.0f, 1.0f};
  ASSERT_OK_AND_ASSIGN(const std::vector<double> one,
                       LabelProbabilities(logits, false));
  // 1 / (1 + e) = 0.2689414214.
  EXPECT_THAT(one, ElementsAre(DoubleNear(0.2689414214, 1e-9),
                               DoubleNear(0.7310585786, 1e-9)));
  ASSERT_OK_AND_ASSIGN(const std::vector<double> many,
                       LabelProbabilities(logits, true));
  EXPECT_THAT(many, ElementsAre(0.5, DoubleNear(0.7310585786, 1e-9)));
}

TEST(ProbabilitiesTest, ALabelAloneIsNotCertain) {
  const std::vector<float> logits = {1.0f};
  ASSERT_OK_AND_ASSIGN(const std::vector<double> alone,
                       LabelProbabilities(logits, false));
  EXPECT_THAT(alone, ElementsAre(DoubleNear(0.7310585786, 1e-9)));
}

TEST(ProbabilitiesTest, RefusesWhatIsNotFinite) {
  const std::vector<float> logits = {0.0f,
                                     std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THAT(Softmax(logits),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
  EXPECT_THAT(LabelProbabilities(logits, true),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
}

TEST(ProbabilitiesTest, TheLargestComeFirstAndOfEqualOnesTheFirst) {
  const std::vector<double> values = {0.1, 0.3, 0.3, 0.2};
  EXPECT_THAT(Largest(values, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(Largest(values, 99), ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(Largest(values, 0), IsEmpty());
}

TEST(ProbabilitiesTest, SmallOnesKeepTheirDigits) {
  EXPECT_EQ(FormatProbability(0.99871), "0.9987");
  EXPECT_EQ(FormatProbability(1.0), "1.0000");
  EXPECT_EQ(FormatProbability(0.0), "0.0000");
  EXPECT_EQ(FormatProbability(3.214e-7), "3.21e-07");
}

}  // namespace
}  // namespace ounce
