#include "quantize/registry.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quantize/hqq.h"
#include "quantize/round_to_nearest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FindQuantizeMethodTest, FindsEachByItsName) {
  for (const QuantizeMethod& method : AllQuantizeMethods()) {
    EXPECT_EQ(*FindQuantizeMethod(method.name), &method);
  }
  EXPECT_EQ((*FindQuantizeMethod("round_to_nearest"))->quantize,
            QuantizeRoundToNearest);
  EXPECT_EQ((*FindQuantizeMethod("hqq"))->quantize, QuantizeHalfQuadratic);
}

TEST(FindQuantizeMethodTest, RefusesAnUnknownOneAndListsTheKnown) {
  EXPECT_THAT(FindQuantizeMethod("magic"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"magic\""),
                             HasSubstr("expected one of round_to_nearest"))));
}

}  // namespace
}  // namespace ounce
