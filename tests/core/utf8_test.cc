#include "core/utf8.h"

#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace ounce {
namespace {

std::string Repaired(absl::string_view bytes) {
  std::string out;
  EXPECT_EQ(AppendRepairedUtf8(bytes, /*is_final=*/true, &out), bytes.size());
  return out;
}

TEST(Utf8Test, EveryScalarValueSurvivesARoundTrip) {
  for (char32_t value = 0; value < 0x110000; ++value) {
    if (value >= 0xD800 && value < 0xE000) continue;
    std::string text;
    AppendUtf8(value, &text);
    ASSERT_TRUE(IsValidUtf8(text)) << static_cast<uint32_t>(value);
    const Utf8Char forward = DecodeUtf8(text, 0);
    ASSERT_EQ(forward.value, value);
    ASSERT_EQ(forward.num_bytes, text.size());
    ASSERT_EQ(DecodeUtf8Before(text, text.size()).value, value);
  }
}

TEST(Utf8Test, SizesAreThoseOfTheStandard) {
  // Unicode Standard, table 3-6.
  const std::pair<char32_t, size_t> kSizes[] = {
      {0x7F, 1},   {0x80, 2},    {0x7FF, 2},    {0x800, 3},
      {0xFFFF, 3}, {0x10000, 4}, {0x10FFFF, 4},
  };
  for (const auto& [value, size] : kSizes) {
    std::string text;
    AppendUtf8(value, &text);
    EXPECT_EQ(text.size(), size) << static_cast<uint32_t>(value);
  }
}

TEST(Utf8Test, IllFormedSequencesAreFound) {
  const absl::string_view kBad[] = {
      "\x80",              // a continuation alone
      "\xC0\xAF",          // overlong '/'
      "\xC1\xBF",          // overlong
      "\xE0\x9F\xBF",      // overlong U+07FF
      "\xF0\x8F\xBF\xBF",  // overlong U+FFFF
      "\xED\xA0\x80",      // surrogate U+D800
      "\xF4\x90\x80\x80",  // U+110000
      "\xF5\x80\x80\x80",  // lead byte that is never used
      "\xE2\x82",          // cut off
      "abcdefgh\xFF",      // behind eight bytes that are skipped at once
  };
  for (const absl::string_view bytes : kBad) EXPECT_FALSE(IsValidUtf8(bytes));
}

TEST(Utf8Test, NulIsACharacterLikeAnyOther) {
  const absl::string_view text("a\0b", 3);
  EXPECT_TRUE(IsValidUtf8(text));
  EXPECT_EQ(Repaired(text), text);
}

TEST(Utf8Test, ReplacesEachMaximalSubpartOnce) {
  // The example of the Unicode Standard, table 3-11.
  EXPECT_EQ(Repaired("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  // And table 3-8: no byte of these is part of a longer subpart.
  EXPECT_EQ(Repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
}

TEST(Utf8Test, LeavesACutOffCharacterForLaterUnlessFinal) {
  std::string out;
  EXPECT_EQ(AppendRepairedUtf8("x\xF0\x9F\x98", /*is_final=*/false, &out), 1u);
  EXPECT_EQ(out, "x");
  out.clear();
  EXPECT_EQ(AppendRepairedUtf8("x\xF0\x9F\x98", /*is_final=*/true, &out), 4u);
  EXPECT_EQ(out, "x\uFFFD");
}

TEST(Utf8Test, ABrokenSequenceIsReplacedEvenWhenNotFinal) {
  std::string out;
  EXPECT_EQ(AppendRepairedUtf8("\xF0\x9Fx", /*is_final=*/false, &out), 3u);
  EXPECT_EQ(out, "\uFFFDx");
}

TEST(Utf8Test, SizeOfACharacterIsZeroWhereNoneStarts) {
  const std::string text = "a\u00E9\u20AC\U0001F600";
  const size_t sizes[] = {1, 2, 0, 3, 0, 0, 4, 0, 0, 0};
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(Utf8CharSize(text, i), sizes[i]) << i;
  }
  EXPECT_EQ(Utf8CharSize("\xE2\x82", 0), 0u);      // Cut off.
  EXPECT_EQ(Utf8CharSize("\xED\xA0\x80", 0), 0u);  // A surrogate.
}

}  // namespace
}  // namespace ounce
