#include "text/regex_syntax.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

// What these mean is checked against the reference in components_golden_test;
// here is how they are written.
std::string Translated(absl::string_view pattern) {
  auto result = TranslateOniguruma(pattern);
  EXPECT_THAT(result, IsOk());
  return result.ok() ? *result : "";
}

constexpr char kSpaces[] = R"(\p{Zs}\t-\r\x{85}\p{Z})";

TEST(RegexSyntaxTest, CommonPatternsAreLeftAlone) {
  for (const char* pattern :
       {" ?\\p{L}+", "(?i:'s|'t)", "[^\\r\\n]*+", "(?!x)|(?<=y)z", "a{2,3}?",
        "(?<n>a)\\k<n>", "\\x{1F600}", "\\\\\\.", "[a\\]b]", "中+"}) {
    EXPECT_EQ(Translated(pattern), pattern);
  }
}

TEST(RegexSyntaxTest, WhiteSpaceIsSpelledOut) {
  EXPECT_EQ(Translated("\\s+"), absl::StrCat("[", kSpaces, "]+"));
  EXPECT_EQ(Translated("\\S"), absl::StrCat("[^", kSpaces, "]"));
  EXPECT_EQ(Translated("[^\\s]"), absl::StrCat("[^", kSpaces, "]"));
}

TEST(RegexSyntaxTest, ClassesWithinClassesAreUnited) {
  EXPECT_EQ(Translated("[a[bc]d]"), "[abcd]");
  EXPECT_EQ(Translated("[^(|[.,])]"), "[^(|.,)]");
  EXPECT_EQ(Translated("[a[^b]]"), "(?:(?:[a]|[^b]))");
}

TEST(RegexSyntaxTest, IntersectionsLookAhead) {
  EXPECT_EQ(Translated("[a-z&&[^x]]"), "(?:(?=[a-z])(?:[^x]))");
  EXPECT_EQ(Translated("[^a-z&&b]"), "(?:(?!(?:(?=[a-z])[b]))(?s:.))");
}

TEST(RegexSyntaxTest, RepeatedIntervalsAreNotPossessive) {
  EXPECT_EQ(Translated("a{1,3}+"), "(?:a{1,3})+");
  EXPECT_EQ(Translated("x(ab|c){2}?y"), "x(?:(ab|c){2})?y");
  EXPECT_EQ(Translated("\\p{N}{1,3}+"), "(?:\\p{N}{1,3})+");
  EXPECT_EQ(Translated("中{2}+"), "(?:中{2})+");
}

TEST(RegexSyntaxTest, OpenLowerBoundsAreZero) {
  EXPECT_EQ(Translated("a{,3}"), "a{0,3}");
}

TEST(RegexSyntaxTest, OtherBracesAreCharacters) {
  EXPECT_EQ(Translated("a{x}"), "a\\{x}");
  EXPECT_EQ(Translated("{"), "\\{");
  EXPECT_EQ(Translated("a{,}"), "a\\{,}");
}

TEST(RegexSyntaxTest, OptionMIsDotMatchesNewline) {
  EXPECT_EQ(Translated("(?m:.)"), "(?s:.)");
  EXPECT_EQ(Translated("(?im-x)a"), "(?is-x)a");
}

TEST(RegexSyntaxTest, ScriptsExcludeExtensions) {
  EXPECT_EQ(Translated("\\p{Han}"), "\\p{sc:Han}");
  EXPECT_EQ(Translated("\\p{Uppercase_Letter}"), "\\p{Lu}");
  EXPECT_EQ(Translated("\\p{^L}"), "\\P{L}");
  EXPECT_EQ(Translated("\\P{^L}"), "\\p{L}");
}

TEST(RegexSyntaxTest, EscapesThatMeanSomethingElseInPcre2) {
  EXPECT_EQ(Translated("\\h"), "[0-9a-fA-F]");
  EXPECT_EQ(Translated("\\v"), "\\x0B");
  EXPECT_EQ(Translated("\\u4E2D"), "\\x{4E2D}");
  EXPECT_EQ(Translated("\\Qa\\E"), "QaE");
}

TEST(RegexSyntaxTest, BrokenPatternsAreErrors) {
  const std::pair<const char*, const char*> kBroken[] = {
      {"[a", "not closed"},
      {"[a[b]", "not closed"},
      {"a\\", "not complete"},
      {"[\\", "not complete"},
      {"\\p", "needs a name"},
      {"\\p{L", "needs a name"},
      {"\\u12", "four hexadecimal digits"},
      {"\\u12G4", "four hexadecimal digits"},
      {"[[:nosuch:]]", "there is no POSIX class \"nosuch\""},
  };
  for (const auto& [pattern, message] : kBroken) {
    EXPECT_THAT(
        TranslateOniguruma(pattern),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << pattern;
  }
}

TEST(RegexSyntaxTest, DeepNestingIsRefused) {
  EXPECT_THAT(TranslateOniguruma(std::string(100000, '[')),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("nested too deeply")));
}

}  // namespace
}  // namespace ounce
