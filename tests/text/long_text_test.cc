// Texts that would take hours if any step were quadratic.
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

constexpr size_t kSize = 1000000;

class LongTextTest : public ::testing::TestWithParam<const char*> {};

TEST_P(LongTextTest, OneCharacterRepeatedComesBack) {
  auto tokenizer = ParseTokenizerJson(ReadSource(
      absl::StrCat("tests/golden/tokenizers/", GetParam(), "/tokenizer.json")));
  ASSERT_THAT(tokenizer, IsOk());
  for (const absl::string_view character :
       {"a", " ", "\n", "1", "😀", "\u0301"}) {
    std::string text;
    while (text.size() < kSize) absl::StrAppend(&text, character);
    ASSERT_OK_AND_ASSIGN(const auto ids, (*tokenizer)->Encode(text, false));
    EXPECT_EQ((*tokenizer)->Decode(ids, false), text);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, LongTextTest,
                         ::testing::Values("gpt2-bytelevel-bpe", "llama3-bpe",
                                           "qwen2-bpe", "llama2-sp-bpe"));

TEST(LongTextTest, AWordOfAMillionMergesAsAShortOneDoes) {
  // a+a -> A, A+A -> B: 4 characters a token.
  auto tokenizer = LoadWith(R"("model": {"type": "BPE",
      "vocab": {"a": 0, "aa": 1, "aaaa": 2}, "merges": ["a a", "aa aa"]})");
  ASSERT_THAT(tokenizer, IsOk());
  ASSERT_OK_AND_ASSIGN(const auto ids,
                       (*tokenizer)->Encode(std::string(kSize, 'a'), false));
  EXPECT_EQ(ids, std::vector<int32_t>(kSize / 4, 2));
}

}  // namespace
}  // namespace ounce
