#include "compress/damping_ladder.h"

#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

class NoQuantizer : public CalibratedQuantizer {
 public:
  absl::StatusOr<CalibratedResult> Quantize(MatrixView<const float>,
                                            const QuantizeOptions&) override {
    return absl::UnimplementedError("none");
  }
};

// A method that fails as often as it is told to, and what it was asked for.
int failures_left;
absl::StatusCode failure_code;
std::vector<double> dampings_tried;

absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateOrFail(
    MatrixView<const float>, const QuantizeOptions&, double damping,
    KernelContext*) {
  dampings_tried.push_back(damping);
  if (failures_left-- > 0) {
    return absl::Status(failure_code,
                        absl::StrCat("failure ", dampings_tried.size()));
  }
  return std::make_unique<NoQuantizer>();
}

class DampingLadderTest : public ::testing::Test {
 protected:
  absl::StatusOr<DampedQuantizer> Climb(
      double damping, int failures,
      absl::StatusCode code = absl::StatusCode::kFailedPrecondition) {
    failures_left = failures;
    failure_code = code;
    dampings_tried.clear();
    QuantizeMethod method;
    method.name = "fake";
    method.create_calibrated = CreateOrFail;
    QuantizeRule rule;
    rule.method = &method;
    rule.options.damping = damping;
    ThreadPool pool(1);
    KernelContext context(*ParseIsa("native"), &pool);
    const Matrix moment(2, 2, {1, 0, 0, 1});
    return ClimbDampingLadder(rule, moment.view(), &context);
  }
};

MATCHER(DoubleNear, "") {
  return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-12;
}

TEST_F(DampingLadderTest, TakesTheRulesDampingWhereThatIsEnough) {
  ASSERT_OK_AND_ASSIGN(const DampedQuantizer damped, Climb(0.01, 0));
  EXPECT_NE(damped.quantizer, nullptr);
  EXPECT_EQ(damped.method, "fake");
  EXPECT_THAT(dampings_tried, ElementsAre(0.01));
}

TEST_F(DampingLadderTest, MultipliesByTenUntilItIsEnoughAndSaysSo) {
  ASSERT_OK_AND_ASSIGN(DampedQuantizer damped, Climb(0.01, 1));
  EXPECT_EQ(damped.method, "fake with damping 0.1");
  ASSERT_OK_AND_ASSIGN(damped, Climb(0.01, 4));
  EXPECT_NE(damped.quantizer, nullptr);
  EXPECT_EQ(damped.method, "fake with damping 100");
  EXPECT_THAT(dampings_tried,
              Pointwise(DoubleNear(),
                        std::vector<double>{0.01, 0.1, 1.0, 10.0, 100.0}));
}

TEST_F(DampingLadderTest, BeginsSmallWhereTheRuleAsksForNone) {
  ASSERT_OK_AND_ASSIGN(const DampedQuantizer damped, Climb(0.0, 2));
  EXPECT_EQ(damped.method, "fake with damping 0.01");
  EXPECT_THAT(dampings_tried,
              Pointwise(DoubleNear(), std::vector<double>{0.0, 0.001, 0.01}));
}

TEST_F(DampingLadderTest, GivesUpAfterFourWithTheLastError) {
  EXPECT_THAT(
      Climb(0.01, 5).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("failure 5")));
  EXPECT_EQ(dampings_tried.size(), 5u);
}

TEST_F(DampingLadderTest, PassesOtherErrorsOnAtOnce) {
  EXPECT_THAT(
      Climb(0.01, 1, absl::StatusCode::kInvalidArgument).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("failure 1")));
  EXPECT_EQ(dampings_tried.size(), 1u);
}

}  // namespace
}  // namespace ounce
