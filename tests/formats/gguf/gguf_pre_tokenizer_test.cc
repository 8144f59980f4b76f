#include "formats/gguf/gguf_pre_tokenizer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/regex.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

// `text` cut by the patterns of `name`, one after the other.
std::vector<std::string> Cut(absl::string_view name, absl::string_view text) {
  const GgufPreTokenizer* const found = FindGgufPreTokenizer(name);
  EXPECT_NE(found, nullptr) << name;
  std::vector<std::string> words = {std::string(text)};
  for (const absl::string_view pattern : found->patterns) {
    const auto split =
        ParseSplit(Json::Of({{"pattern", Json::Of({{"Regex", pattern}})},
                             {"behavior", "Isolated"}}));
    EXPECT_THAT(split, IsOk()) << name;
    std::vector<std::string> cut;
    for (const std::string& word : words) {
      for (std::string& part : WordsOf(**split, word)) {
        cut.push_back(std::move(part));
      }
    }
    words = std::move(cut);
  }
  return words;
}

TEST(GgufPreTokenizerTest, EveryNameHasPatternsThatCompile) {
  int count = 0;
  for (const absl::string_view name :
       absl::StrSplit(GgufPreTokenizerList(), ", ")) {
    const GgufPreTokenizer* const found = FindGgufPreTokenizer(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->name, name);
    for (const absl::string_view pattern : found->patterns) {
      EXPECT_THAT(Regex::Compile(pattern), IsOk()) << name;
    }
    ++count;
  }
  EXPECT_GE(count, 80);
  EXPECT_EQ(FindGgufPreTokenizer(""), nullptr);
  EXPECT_EQ(FindGgufPreTokenizer("gpt-3"), nullptr);
}

// Digits show the families apart; the cuts are worked by hand.
TEST(GgufPreTokenizerTest, FamiliesCutNumbersInTheirWay) {
  EXPECT_THAT(Cut("gpt-2", "a 12345"), ElementsAre("a", " 12345"));
  EXPECT_THAT(Cut("llama-bpe", "a 12345"), ElementsAre("a", " ", "123", "45"));
  EXPECT_THAT(Cut("qwen2", "a 123"), ElementsAre("a", " ", "1", "2", "3"));
  EXPECT_THAT(Cut("starcoder", "a 12"), ElementsAre("a", " ", "1", "2"));
  EXPECT_THAT(Cut("falcon", "a 12345"), ElementsAre("a", " ", "123", "45"));
  EXPECT_THAT(Cut("default", "a 1234"), ElementsAre("a", " ", "123", "4"));
  EXPECT_THAT(Cut("deepseek-llm", "a 12345"), ElementsAre("a", " ", "12345"));
  EXPECT_THAT(Cut("afmoe", "12345"), ElementsAre("12", "345"));
  EXPECT_THAT(Cut("tiny_aya", "1234567"), ElementsAre("1", "234", "567"));
  EXPECT_THAT(Cut("superbpe", "12345"), ElementsAre("12", "345"));
}

TEST(GgufPreTokenizerTest, FamiliesCutWordsInTheirWay) {
  EXPECT_THAT(Cut("gpt-2", "it's  x"), ElementsAre("it", "'s", " ", " x"));
  EXPECT_THAT(Cut("llama-bpe", "IT'S\n\n x"),
              ElementsAre("IT", "'S", "\n\n", " x"));
  EXPECT_THAT(Cut("gpt-2", "IT'S"), ElementsAre("IT", "'", "S"));
  EXPECT_THAT(Cut("ufakzeka", "it's"), ElementsAre("it", "'s"));
  EXPECT_THAT(Cut("gpt-4o", "camelCase it's"),
              ElementsAre("camel", "Case", " it's"));
  EXPECT_THAT(Cut("tekken", "camelCase it's"),
              ElementsAre("camel", "Case", " it", "'s"));
  // Commas and brackets end a word of Bloom's; what lies between words is one.
  EXPECT_THAT(Cut("bloom", "one two, (x)"),
              ElementsAre("one", " two", ", (", "x", ")"));
  EXPECT_THAT(Cut("kimi-k2", "ab\u6f22\u5b57cd"),
              ElementsAre("ab", "\u6f22\u5b57", "cd"));
  EXPECT_THAT(Cut("deepseek-v3", "\u6f22x\u304b"),
              ElementsAre("\u6f22", "x", "\u304b"));
  EXPECT_THAT(Cut("gemma4", "a b\n\nc"), ElementsAre("a b", "\n\n", "c"));
}

TEST(GgufPreTokenizerTest, SaysWhatGoesWithAName) {
  EXPECT_TRUE(FindGgufPreTokenizer("llama-bpe")->ignores_merges);
  EXPECT_TRUE(FindGgufPreTokenizer("llama-bpe")->adds_bos);
  EXPECT_FALSE(FindGgufPreTokenizer("dbrx")->ignores_merges);
  EXPECT_FALSE(FindGgufPreTokenizer("dbrx")->adds_bos);
  EXPECT_TRUE(FindGgufPreTokenizer("gemma4")->marks_spaces);
  EXPECT_FALSE(FindGgufPreTokenizer("qwen2")->marks_spaces);
}

}  // namespace
}  // namespace ounce
