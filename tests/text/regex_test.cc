#include "text/regex.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Matches(absl::string_view pattern,
                                 absl::string_view text) {
  auto regex = Regex::Compile(pattern);
  EXPECT_THAT(regex, IsOk());
  std::vector<TextRange> ranges;
  EXPECT_THAT(regex->FindAll(text, &ranges), IsOk());
  std::vector<std::string> out;
  for (const TextRange& range : ranges) {
    out.emplace_back(text.substr(range.begin, range.end - range.begin));
  }
  return out;
}

TEST(RegexTest, FindsSuccessiveMatches) {
  EXPECT_THAT(Matches("\\p{L}+|\\p{N}", "ab12 é中"),
              ElementsAre("ab", "1", "2", "é中"));
}

TEST(RegexTest, WhiteSpaceIsThatOfUnicode) {
  // U+180E was white space up to Unicode 6.2; U+0085 and U+3000 are.
  EXPECT_THAT(Matches("\\s", "\u0085\u180E\u3000"),
              ElementsAre("\u0085", "\u3000"));
}

TEST(RegexTest, LookBehindSeesEarlierMatches) {
  EXPECT_THAT(Matches("a|(?<=a)b", "ab"), ElementsAre("a", "b"));
}

TEST(RegexTest, EmptyMatchBehindAMatchIsNone) {
  // At 0 "aa"; at 2 an empty match would touch it; at 3 one after b.
  EXPECT_THAT(Matches("a*", "aab"), ElementsAre("aa", ""));
  EXPECT_THAT(Matches("", "中x"), ElementsAre("", "", ""));
  EXPECT_THAT(Matches("a*", ""), IsEmpty());
}

TEST(RegexTest, LinesEndAtNewlinesOnly) {
  EXPECT_THAT(Matches("^.", "a\nb\rc"), ElementsAre("a", "b"));
  EXPECT_THAT(Matches(".+$", "a\rb\nc"), ElementsAre("a\rb", "c"));
}

TEST(RegexTest, NulIsMatchedLikeAnyCharacter) {
  EXPECT_EQ(Matches("[^a]", absl::string_view("a\0a", 3)).size(), 1u);
}

TEST(RegexTest, PatternErrorsNameThePattern) {
  for (const char* pattern : {"(", "a**b(", "[z-a]", "(?<n"}) {
    EXPECT_THAT(
        Regex::Compile(pattern),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(pattern)))
        << pattern;
  }
}

TEST(RegexTest, OverlongPatternIsRefused) {
  EXPECT_THAT(
      Regex::Compile(std::string(70000, 'a')),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 65536")));
}

TEST(RegexTest, ExplodingMatchIsAnErrorNotAHang) {
  auto regex = Regex::Compile("(a+)+$");
  ASSERT_THAT(regex, IsOk());
  std::vector<TextRange> ranges;
  EXPECT_THAT(regex->FindAll(std::string(64, 'a') + "b", &ranges),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("gave up on the text at byte 0")));
}

TEST(RegexTest, DeepBacktrackingFitsItsOwnStack) {
  // Each repetition of a group takes some of the stack that matching runs on;
  // 20,000 need more than the 32 KiB that are there without one of our own.
  const std::string text(20000, 'a');
  EXPECT_THAT(Matches("(?:a|b)+?$", text), ElementsAre(text));
}

TEST(RegexTest, ThreadsShareOneExpression) {
  auto regex = Regex::Compile("\\p{L}+");
  ASSERT_THAT(regex, IsOk());
  std::vector<std::thread> threads;
  std::vector<size_t> counts(4);
  for (size_t i = 0; i < counts.size(); ++i) {
    threads.emplace_back([&, i] {
      std::string text;
      for (size_t k = 0; k < 1000 * (i + 1); ++k) text += "ab ";
      std::vector<TextRange> ranges;
      if (regex->FindAll(text, &ranges).ok()) counts[i] = ranges.size();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(counts, ElementsAre(1000, 2000, 3000, 4000));
}

}  // namespace
}  // namespace ounce
