#include "text/regex_proxy.h"

#include <string>

#include "core/utf8.h"
#include "gtest/gtest.h"
#include "text/regex.h"

namespace ounce {
namespace {

TEST(RegexProxyTest, TextsOfOldCharactersStayAsTheyAre) {
  for (const char* text : {"", "abc", "\u00E9\u4E2D\U0001F600\uA9CF"}) {
    EXPECT_EQ(WithProxies(text), std::nullopt) << text;
  }
}

TEST(RegexProxyTest, EveryProxyHasTheSizeOfItsCharacter) {
  size_t count = 0;
  for (char32_t value = 1; value < 0x110000; ++value) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    std::string text = "a";
    AppendUtf8(value, &text);
    const auto out = WithProxies(text + "b");
    if (!out.has_value()) continue;
    ++count;
    EXPECT_EQ(out->size(), text.size() + 1);
    EXPECT_TRUE(IsValidUtf8(*out));
    EXPECT_FALSE(WithProxies(*out).has_value());
  }
  // Unicode 15.0, 15.1 and 16.0 added 4489, 627 and 5185 characters; one
  // changed its category.
  EXPECT_EQ(count, 4489u + 627u + 5185u + 1u);
}

TEST(RegexProxyTest, YoungCharactersMatchByTheirCategory) {
  const struct {
    const char* pattern;
    const char* text;
  } kRows[] = {{R"(\p{Lo})", "\U00031350"},   {R"(\p{Han})", "\U0002EBF0"},
               {R"(\p{Nd})", "\U00011F50"},   {R"(\p{Mc})", "\U0001171E"},
               {R"(\p{Lu})", "\U00001C89"},   {R"(\p{So})", "\U0001FAE8"},
               {R"(\p{Mn})", "\U00000897"},   {R"(\p{Po})", "\U00011F43"},
               {R"(\p{Latin})", "\U0001DF25"}};
  for (const auto& [pattern, text] : kRows) {
    auto regex = Regex::Compile(pattern);
    ASSERT_TRUE(regex.ok());
    std::vector<TextRange> matches;
    ASSERT_TRUE(regex->FindAll(text, &matches).ok());
    EXPECT_EQ(matches.size(), 1u) << pattern;
  }
}

}  // namespace
}  // namespace ounce
