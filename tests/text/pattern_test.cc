#include "text/pattern.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/unicode.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Segments of `text`, matches in angle brackets.
std::vector<std::string> Segments(const Pattern& pattern,
                                  absl::string_view text) {
  std::vector<Segment> segments;
  EXPECT_THAT(pattern.Cut(text, &segments), IsOk());
  std::vector<std::string> out;
  for (const auto& [range, is_match] : segments) {
    const std::string part(text.substr(range.begin, range.end - range.begin));
    out.push_back(is_match ? "<" + part + ">" : part);
  }
  return out;
}

TEST(PatternTest, LiteralMatchesDoNotOverlap) {
  EXPECT_THAT(Segments(Pattern::Literal("aa"), "xaaay"),
              ElementsAre("x", "<aa>", "ay"));
}

TEST(PatternTest, LiteralIsNoRegularExpression) {
  EXPECT_THAT(Segments(Pattern::Literal("."), "a.b"),
              ElementsAre("a", "<.>", "b"));
}

TEST(PatternTest, EmptyLiteralMatchesBetweenCharacters) {
  EXPECT_THAT(Segments(Pattern::Literal(""), "é中"),
              ElementsAre("<>", "é", "<>", "中", "<>"));
}

TEST(PatternTest, CharactersMatchOneByOne) {
  EXPECT_THAT(Segments(Pattern::Characters(&IsNumeric), "a12²b"),
              ElementsAre("a", "<1>", "<2>", "<²>", "b"));
}

TEST(PatternTest, EmptyTextHasNoSegments) {
  EXPECT_THAT(Segments(Pattern::Literal(""), ""), IsEmpty());
}

TEST(PatternTest, ReplacementIsTakenLiterally) {
  ASSERT_OK_AND_ASSIGN(const Pattern pattern, Pattern::FromRegex("(a)b"));
  ASSERT_OK_AND_ASSIGN(const std::string text,
                       pattern.Replace("xabab", "$1\\1"));
  EXPECT_EQ(text, "x$1\\1$1\\1");
}

TEST(PatternTest, ParsesBothKinds) {
  ASSERT_OK_AND_ASSIGN(
      const Pattern literal,
      Pattern::Parse(ParseOrDie(R"({"pattern": {"String": "a+"}})")));
  EXPECT_THAT(Segments(literal, "aa+"), ElementsAre("a", "<a+>"));
  ASSERT_OK_AND_ASSIGN(
      const Pattern regex,
      Pattern::Parse(ParseOrDie(R"({"pattern": {"Regex": "a+"}})")));
  EXPECT_THAT(Segments(regex, "aa+"), ElementsAre("<aa>", "+"));
}

TEST(PatternTest, MalformedPatternsAreErrors) {
  for (const char* config :
       {"{}", R"({"pattern": "a"})", R"({"pattern": {"Regex": 3}})",
        R"({"pattern": {"String": null}})", R"({"pattern": {"Glob": "a"}})"}) {
    EXPECT_THAT(Pattern::Parse(ParseOrDie(config)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")))
        << config;
  }
}

}  // namespace
}  // namespace ounce
