// Oracle: the Python library reference, worked by hand; the golden rows compare
// with Python itself.
#include "text/jinja/python_text.h"

#include <cmath>

#include "tests/text/jinja/render.h"

namespace ounce::jinja {
namespace {

using testing::ElementsAre;

TEST(PythonTextTest, StripsUnicodeWhitespaceAndTheFourSeparators) {
  EXPECT_EQ(Strip("\x1c\xC2\xA0 a \xE2\x80\x83\n"), "a");
  EXPECT_EQ(StripLeft(" a "), "a ");
  EXPECT_EQ(StripRight(" a "), " a");
  // U+200B is no whitespace.
  EXPECT_EQ(Strip("\xE2\x80\x8B"), "\xE2\x80\x8B");
}

TEST(PythonTextTest, StripsWholeCharactersAndNotTheirBytes) {
  EXPECT_EQ(StripChars("éaè", "é", Side::kBoth), "aè");
}

TEST(PythonTextTest, CountsCharacters) {
  EXPECT_EQ(CountChars("aé漢🙂"), 4);
  EXPECT_EQ(CharOffset("aé漢🙂", 2), 3u);
  EXPECT_EQ(CharOffset("ab", 9), 2u);
  EXPECT_THAT(SplitChars("é漢"), ElementsAre("é", "漢"));
}

TEST(PythonTextTest, SplitsAtWhitespaceFromEitherEnd) {
  EXPECT_THAT(SplitSpace(" a  b c ", {}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitSpace(" a  b c ", {1, false}), ElementsAre("a", "b c "));
  EXPECT_THAT(SplitSpace(" a  b c ", {1, true}), ElementsAre(" a  b", "c"));
  EXPECT_THAT(SplitSpace(" ", {}), ElementsAre());
}

TEST(PythonTextTest, SplitsAtASeparatorFromEitherEnd) {
  EXPECT_THAT(SplitOn("a,b,", ",", {}), ElementsAre("a", "b", ""));
  EXPECT_THAT(SplitOn("a,b,c", ",", {1, false}), ElementsAre("a", "b,c"));
  EXPECT_THAT(SplitOn("a,b,c", ",", {1, true}), ElementsAre("a,b", "c"));
  EXPECT_THAT(SplitOn("", ",", {}), ElementsAre(""));
}

TEST(PythonTextTest, LinesEndAtEveryKindOfLineEnd) {
  EXPECT_THAT(SplitLines("a\r\nb\n\nc\x0b"
                         "d\xE2\x80\xA8"
                         "e\n",
                         false),
              ElementsAre("a", "b", "", "c", "d", "e"));
  EXPECT_THAT(SplitLines("a\r\nb", true), ElementsAre("a\r\n", "b"));
}

TEST(PythonTextTest, AnEmptyStringIsReplacedBetweenAllCharacters) {
  Work work(1000);
  EXPECT_EQ(*Replace("é漢", {"", "-", -1}, &work), "-é-漢-");
  EXPECT_EQ(*Replace("abc", {"", "-", 2}, &work), "-a-bc");
  EXPECT_EQ(*Replace("abc", {"", "-", 0}, &work), "abc");
}

TEST(PythonTextTest, AReplacementThatGrowsTooFarIsRefusedBeforeItIsMade) {
  Work work(1000);
  EXPECT_EQ(
      Replace(std::string(100, 'a'), {"a", std::string(100, 'b'), -1}, &work)
          .status()
          .code(),
      absl::StatusCode::kResourceExhausted);
}

TEST(PythonTextTest, CaseMappingsThatNeedMoreAreRefused) {
  EXPECT_EQ(*ChangeCase("éÀ", TextCase::kUpper), "ÉÀ");
  EXPECT_EQ(*ChangeCase("they're 1st", TextCase::kTitle), "They'Re 1St");
  EXPECT_EQ(ChangeCase("ß", TextCase::kUpper).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ChangeCase("ΑΣ", TextCase::kLower).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(PythonTextTest, FloatsPrintAsPythonPrintsThem) {
  EXPECT_EQ(FloatRepr(0.1), "0.1");
  EXPECT_EQ(FloatRepr(100), "100.0");
  EXPECT_EQ(FloatRepr(1e16), "1e+16");
  EXPECT_EQ(FloatRepr(9999999999999998), "9999999999999998.0");
  EXPECT_EQ(FloatRepr(0.0001), "0.0001");
  EXPECT_EQ(FloatRepr(0.00001), "1e-05");
  EXPECT_EQ(FloatRepr(-0.0), "-0.0");
  EXPECT_EQ(FloatRepr(5e-324), "5e-324");
  EXPECT_EQ(FloatRepr(HUGE_VAL), "inf");
}

TEST(PythonTextTest, ReprPrefersSingleQuotesAndEscapesWhatDoesNotShow) {
  const auto repr = [](absl::string_view text) {
    std::string out;
    AppendRepr(text, &out);
    return out;
  };
  EXPECT_EQ(repr("a"), "'a'");
  EXPECT_EQ(repr("it's"), "\"it's\"");
  EXPECT_EQ(repr("'\""), "'\\'\"'");
  EXPECT_EQ(repr("\n\\\x01é\xE2\x80\x8B"), "'\\n\\\\\\x01é\\u200b'");
}

TEST(PythonTextTest, JsonStringsKeepOrEscapeWhatIsNotAscii) {
  std::string kept, escaped;
  AppendJsonString("\"\\\n\x01/é🙂", false, &kept);
  AppendJsonString("\"\\\n\x01/é🙂", true, &escaped);
  EXPECT_EQ(kept, "\"\\\"\\\\\\n\\u0001/é🙂\"");
  EXPECT_EQ(escaped, "\"\\\"\\\\\\n\\u0001/\\u00e9\\ud83d\\ude42\"");
}

}  // namespace
}  // namespace ounce::jinja
