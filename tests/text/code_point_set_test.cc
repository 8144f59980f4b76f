#include "text/code_point_set.h"

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(CodePointSetTest, HasBothEndsOfEveryRangeAndNothingElse) {
  const CodePointRange kRanges[] = {
      {0, 0}, {63, 64}, {0x1F600, 0x1F64F}, {0x10FFFF, 0x10FFFF}};
  const CodePointSet set(kRanges);
  size_t count = 0;
  for (char32_t value = 0; value < 0x110000; ++value) {
    count += set.Contains(value) ? 1 : 0;
  }
  EXPECT_EQ(count, 1u + 2u + 0x50u + 1u);
  for (const CodePointRange& range : kRanges) {
    EXPECT_TRUE(set.Contains(range.first));
    EXPECT_TRUE(set.Contains(range.last));
  }
}

}  // namespace
}  // namespace ounce
