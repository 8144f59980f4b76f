#include "text/unicode_tables.h"

#include "gtest/gtest.h"

namespace ounce {
namespace {

size_t SizeOf(absl::Span<const CodePointRange> ranges) {
  size_t size = 0;
  for (const CodePointRange& range : ranges) {
    size += range.last - range.first + 1;
  }
  return size;
}

TEST(UnicodeTablesTest, RangesAscendWithGapsBetweenThem) {
  for (const auto ranges :
       {kWordRanges, kNumericRanges, kPunctuationRanges, kNonspacingRanges,
        kCombiningRanges, kControlRanges, kInertRanges}) {
    ASSERT_FALSE(ranges.empty());
    for (size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_LE(ranges[i].first, ranges[i].last);
      EXPECT_LT(ranges[i].last, 0x110000u);
      if (i > 0) {
        EXPECT_GT(ranges[i].first, ranges[i - 1].last + 1);
      }
    }
  }
}

TEST(UnicodeTablesTest, SizesAreThoseThatTheStandardCounts) {
  // Category N of Unicode 17 (DerivedGeneralCategory.txt): Nd 770, Nl 239,
  // No 915.
  EXPECT_EQ(SizeOf(kNumericRanges), 770u + 239u + 915u);
}

}  // namespace
}  // namespace ounce
