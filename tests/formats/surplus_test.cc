#include "formats/surplus.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CheckSurplusTest, NamesSomeOfMany) {
  ModelSpec spec;
  spec.architecture = "llama";
  EXPECT_OK(CheckSurplus({}, spec));
  std::vector<std::string> names;
  for (int i = 0; i < 11; ++i) names.push_back(absl::StrCat("tensor", i));
  EXPECT_THAT(CheckSurplus(names, spec),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("11 tensors"), HasSubstr("'llama'"),
                             HasSubstr("tensor0"), HasSubstr("tensor9, ..."),
                             Not(HasSubstr("tensor10")))));
}

}  // namespace
}  // namespace ounce
