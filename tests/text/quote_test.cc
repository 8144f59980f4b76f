#include "text/quote.h"

#include <string>

#include "core/utf8.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(QuoteTest, ShortTextIsRepeatedWhole) {
  EXPECT_EQ(Quote("<|end|>"), "\"<|end|>\"");
  EXPECT_EQ(Quote(""), "\"\"");
  EXPECT_EQ(Quote("é中"), "\"é中\"");
}

TEST(QuoteTest, ControlCharactersAndQuotesAreEscaped) {
  // ESC [ 2 J clears a terminal.
  EXPECT_EQ(Quote("\x1B[2J"), "\"\\033[2J\"");
  EXPECT_EQ(Quote("a\n\"b\""), "\"a\\n\\\"b\\\"\"");
  EXPECT_EQ(Quote(absl::string_view("\0", 1)), "\"\\000\"");
}

TEST(QuoteTest, LongTextEndsInDots) {
  EXPECT_EQ(Quote(std::string(80, 'a')), "\"" + std::string(80, 'a') + "\"");
  EXPECT_EQ(Quote(std::string(81, 'a')), "\"" + std::string(80, 'a') + "...\"");
}

TEST(QuoteTest, CharactersAreNotCutInHalf) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "中";
  const std::string quoted = Quote(text);
  EXPECT_TRUE(IsValidUtf8(quoted));
  // 27 characters of 3 bytes are the first to reach 80.
  EXPECT_EQ(quoted.size(), 27u * 3 + 5);
}

}  // namespace
}  // namespace ounce
