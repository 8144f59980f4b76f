#include "prune/registry.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FindPruneMethodTest, FindsEachByItsName) {
  for (const PruneMethod& method : AllPruneMethods()) {
    EXPECT_EQ(*FindPruneMethod(method.name), &method);
  }
}

TEST(FindPruneMethodTest, MagnitudePrunesTheSmallerHalf) {
  ASSERT_OK_AND_ASSIGN(const PruneMethod* method, FindPruneMethod("magnitude"));
  const std::unique_ptr<Pruner> pruner = method->create(0.5);
  Matrix weights(1, 4, {3, -1, 2, -4});
  for (int round = 0; round < pruner->num_scan_rounds(); ++round) {
    pruner->Scan(round, weights.view());
    pruner->EndRound(round);
  }
  pruner->Apply(weights.view());
  EXPECT_THAT(weights.values(), ElementsAre(3, 0, 0, -4));
}

TEST(FindPruneMethodTest, RefusesAnUnknownOneAndListsTheKnown) {
  EXPECT_THAT(FindPruneMethod("lottery"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("\"lottery\""),
                             HasSubstr("expected one of magnitude"))));
}

}  // namespace
}  // namespace ounce
