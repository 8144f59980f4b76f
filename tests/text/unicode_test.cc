#include "text/unicode.h"

#include <string>

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(UnicodeTest, WhitespaceIsTheWhiteSpaceProperty) {
  // PropList.txt of the Unicode Character Database, White_Space: 25 characters.
  const char32_t kSpaces[] = {
      0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,   0xA0,   0x1680,
      0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
      0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
  for (const char32_t value : kSpaces) {
    EXPECT_TRUE(IsWhitespace(value)) << static_cast<uint32_t>(value);
  }
  size_t count = 0;
  for (char32_t value = 0; value < 0x110000; ++value) {
    count += IsWhitespace(value) ? 1 : 0;
  }
  EXPECT_EQ(count, 25u);
}

TEST(UnicodeTest, NumericCoversDigitsLettersAndFractions) {
  for (const char32_t value : {U'7', U'٣', U'Ⅷ', U'²', U'½', U'①', U'〇'}) {
    EXPECT_TRUE(IsNumeric(value));
  }
  for (const char32_t value : {U'a', U'一', U' ', U'-'}) {
    EXPECT_FALSE(IsNumeric(value));
  }
}

TEST(UnicodeTest, PunctuationIncludesAsciiSymbolsOnly) {
  for (const char32_t value : {U'$', U'+', U'~', U'^', U'_', U'—', U'。'}) {
    EXPECT_TRUE(IsPunctuation(value));
  }
  for (const char32_t value : {U'€', U'±', U'a', U'0', U' ', U'\x7F'}) {
    EXPECT_FALSE(IsPunctuation(value));
  }
}

TEST(UnicodeTest, WordCharactersIncludeMarksAndJoiners) {
  for (const char32_t value :
       {U'a', U'_', U'9', U'中', U'\u0301', U'\u200D', U'Ⓐ', U'‿', U'Ⅷ'}) {
    EXPECT_TRUE(IsWordCharacter(value)) << static_cast<uint32_t>(value);
  }
  for (const char32_t value : {U'-', U' ', U'½', U'😀', U'\u00AD'}) {
    EXPECT_FALSE(IsWordCharacter(value)) << static_cast<uint32_t>(value);
  }
}

std::string Lower(char32_t value) {
  std::string out;
  AppendLowercase(value, &out);
  return out;
}

TEST(UnicodeTest, LowercaseIsFullAndWithoutContext) {
  EXPECT_EQ(Lower(U'A'), "a");
  EXPECT_EQ(Lower(U'Σ'), "σ");
  EXPECT_EQ(Lower(U'ẞ'), "ß");
  // SpecialCasing.txt: the only unconditional expansion.
  EXPECT_EQ(Lower(U'İ'), "i\u0307");
  EXPECT_EQ(Lower(U'中'), "中");
  // Unicode 16 and 17.
  EXPECT_EQ(Lower(U'\uA7DC'), "\u019B");
  EXPECT_EQ(Lower(U'\U00010D50'), "\U00010D70");
  EXPECT_EQ(Lower(U'\U00016EA0'), "\U00016EBB");
}

TEST(UnicodeTest, FormsOfTheAnnexExample) {
  // Unicode Standard Annex 15, table 4 and figure 6.
  EXPECT_EQ(NormalizeUnicode("\u212B", NormalForm::kNfc), "\u00C5");
  EXPECT_EQ(NormalizeUnicode("\u212B", NormalForm::kNfd), "A\u030A");
  EXPECT_EQ(NormalizeUnicode("\uFB01", NormalForm::kNfc), "\uFB01");
  EXPECT_EQ(NormalizeUnicode("\uFB01", NormalForm::kNfkc), "fi");
  EXPECT_EQ(NormalizeUnicode("2\u2075", NormalForm::kNfkd), "25");
  EXPECT_EQ(NormalizeUnicode("\u1E9B\u0323", NormalForm::kNfc), "\u1E9B\u0323");
  EXPECT_EQ(NormalizeUnicode("\u1E9B\u0323", NormalForm::kNfd),
            "\u017F\u0323\u0307");
  EXPECT_EQ(NormalizeUnicode("\u1E9B\u0323", NormalForm::kNfkc), "\u1E69");
  EXPECT_EQ(NormalizeUnicode("\u1E9B\u0323", NormalForm::kNfkd),
            "s\u0323\u0307");
}

TEST(UnicodeTest, HangulComposesAndDecomposes) {
  EXPECT_EQ(NormalizeUnicode("\u1100\u1161\u11A8", NormalForm::kNfc), "\uAC01");
  EXPECT_EQ(NormalizeUnicode("\uAC01", NormalForm::kNfd), "\u1100\u1161\u11A8");
}

TEST(UnicodeTest, ExcludedCompositionsStayApart) {
  // CompositionExclusions.txt: U+0958 never results from composition.
  EXPECT_EQ(NormalizeUnicode("\u0958", NormalForm::kNfc), "\u0915\u093C");
}

TEST(UnicodeTest, MarksAreOrderedByClassAndStablyWithinOne) {
  // U+0301 has class 230, U+0323 220, U+0300 230.
  EXPECT_EQ(NormalizeUnicode("q\u0301\u0323\u0300", NormalForm::kNfd),
            "q\u0323\u0301\u0300");
}

TEST(UnicodeTest, LongRunsOfMarksTakeNoQuadraticTime) {
  std::string text = "a";
  for (int i = 0; i < 250000; ++i) text += "\u0301\u0323";
  const std::string sorted = NormalizeUnicode(text, NormalForm::kNfd);
  EXPECT_EQ(sorted.size(), text.size());
  EXPECT_EQ(sorted.substr(0, 5), "a\u0323\u0323");
}

TEST(UnicodeTest, UpperAndTitleCaseAreSingleCharactersOrRefused) {
  const auto upper = [](char32_t value, bool title) {
    std::string out;
    return AppendUppercase(value, title, &out) ? out : "refused";
  };
  EXPECT_EQ(upper(U'\u00E9', false), "\u00C9");
  EXPECT_EQ(upper(U'\u01C6', false), "\u01C4");  // The digraph DZ with caron.
  EXPECT_EQ(upper(U'\u01C6', true), "\u01C5");
  EXPECT_EQ(upper(U'\u00DF', false), "refused");  // SS
  EXPECT_EQ(upper(U'\uFB01', false), "refused");  // FI
}

TEST(UnicodeTest, PrintableIsWhatPythonPrintsUnescaped) {
  for (const char32_t c : {U' ', U'a', U'\u00E9', U'\u6F22', U'\U0001F600'}) {
    EXPECT_TRUE(IsPrintable(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'\n', U'\x7F', U'\u00A0', U'\u200B', U'\u2028',
                           U'\u3000', U'\uE000', U'\uFFFF'}) {
    EXPECT_FALSE(IsPrintable(c)) << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTest, CasedAreLettersWithCaseAndTheOtherLowercase) {
  for (const char32_t c : {U'a', U'Z', U'\u00E9', U'\u01C5', U'\u00AA'}) {
    EXPECT_TRUE(IsCased(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'1', U' ', U'\u6F22', U'\u05D0'}) {
    EXPECT_FALSE(IsCased(c)) << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTest, MarksAreThoseOfOldTables) {
  EXPECT_TRUE(IsNonspacingMark(U'\u0301'));
  EXPECT_FALSE(IsNonspacingMark(U'\u0903'));  // Category Mc.
  EXPECT_FALSE(IsNonspacingMark(U'\u08D4'));  // Of Unicode 9.
  EXPECT_TRUE(IsCombiningMark(U'\u0903'));
  EXPECT_TRUE(IsCombiningMark(U'\u08D4'));
  EXPECT_FALSE(IsCombiningMark(U'\u08D3'));  // Of Unicode 11.
}

TEST(UnicodeTest, CleanedControlsAreNoLineBreaks) {
  for (const char32_t value :
       {U'\0', U'\x0B', U'\x7F', U'\u0085', U'\u200D', U'\uE000', U'\uFFFD'}) {
    EXPECT_TRUE(IsCleanedControl(value)) << static_cast<uint32_t>(value);
  }
  for (const char32_t value : {U'\t', U'\n', U'\r', U' ', U'a', U'\u0378'}) {
    EXPECT_FALSE(IsCleanedControl(value)) << static_cast<uint32_t>(value);
  }
}

TEST(UnicodeTest, CharactersYoungerThanTheReferencesTablesAreInert) {
  // SQUARE ERA NAME REIWA, Unicode 12.1, would decompose.
  EXPECT_EQ(NormalizeUnicode("\u32FF", NormalForm::kNfkd), "\u32FF");
  // U+1AC0, Unicode 13, has class 220 and would go before U+0301, of 230; and
  // it stands between "e" and U+0301.
  EXPECT_EQ(NormalizeUnicode("\u0301\u1AC0", NormalForm::kNfd), "\u0301\u1AC0");
  EXPECT_EQ(NormalizeUnicode("e\u1AC0\u0301", NormalForm::kNfc),
            "e\u1AC0\u0301");
  // DIVES AKURU, Unicode 13, would compose to U+11938.
  EXPECT_EQ(NormalizeUnicode("\U00011935\U00011930", NormalForm::kNfc),
            "\U00011935\U00011930");
}

TEST(UnicodeTest, GraphemesAreThoseOfTheAnnex) {
  // GraphemeBreakTest.txt.
  EXPECT_EQ(FirstGraphemeSize("ab"), 1u);
  EXPECT_EQ(FirstGraphemeSize("\r\nb"), 2u);
  EXPECT_EQ(FirstGraphemeSize("a\u0308b"), 3u);
  EXPECT_EQ(FirstGraphemeSize("\u1100\u1160\u11A8"), 9u);
  EXPECT_EQ(FirstGraphemeSize("\U0001F1E6\U0001F1E7\U0001F1E8"), 8u);
  EXPECT_EQ(FirstGraphemeSize("\U0001F476\U0001F3FF\U0001F476"), 8u);
  EXPECT_EQ(FirstGraphemeSize("\U0001F6D1\u200D\U0001F6D1"), 11u);
}

TEST(UnicodeTest, NulIsKept) {
  const absl::string_view text("\0e\u0301", 4);
  EXPECT_EQ(NormalizeUnicode(text, NormalForm::kNfc),
            std::string("\0\u00E9", 3));
}

}  // namespace
}  // namespace ounce
