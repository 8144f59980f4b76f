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

class OddTextTest : public ::testing::TestWithParam<const char*> {};

// Each piece again and again: one long word, one long run, one long cluster.
TEST_P(OddTextTest, IsEncodedInTimeAndWithinTheVocabulary) {
  auto tokenizer = ParseTokenizerJson(ReadSource(
      absl::StrCat("tests/golden/tokenizers/", GetParam(), "/tokenizer.json")));
  ASSERT_THAT(tokenizer, IsOk());
  const absl::string_view kPieces[] = {"a",
                                       "Ab",
                                       " ",
                                       "\n",
                                       "\r\n",
                                       "1",
                                       ".",
                                       "a ",
                                       "\u0301",
                                       "e\u0301",
                                       "\U0001F469\u200D",
                                       "\U0001F1E9",
                                       "\u4E2D",
                                       "\u1100\u1161",
                                       "\u0915\u094D",
                                       "\u200D",
                                       "\uFB03",
                                       "\uFDFA",
                                       "\U00031350",
                                       "##",
                                       "\u2581",
                                       "<s>",
                                       "[CLS]",
                                       absl::string_view("\0", 1),
                                       "\xFF",
                                       "\xF0\x9F",
                                       "\xE2\x80"
                                       "a"};
  for (const absl::string_view piece : kPieces) {
    std::string text;
    while (text.size() < kSize / 4) absl::StrAppend(&text, piece);
    ASSERT_OK_AND_ASSIGN(const auto ids, (*tokenizer)->Encode(text, true));
    for (const int32_t id : ids) {
      ASSERT_GE(id, 0);
      ASSERT_LT(id, (*tokenizer)->vocab_size());
    }
    (*tokenizer)->Decode(ids, true);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, OddTextTest,
                         ::testing::Values("gpt2-bytelevel-bpe", "llama3-bpe",
                                           "qwen2-bpe", "llama2-sp-bpe",
                                           "bert-wordpiece", "t5-unigram",
                                           "whitespace-wordlevel"));

TEST(LongTextTest, WhiteSpaceThatTokensTakeAlongIsWalkedOnce) {
  for (const char* token :
       {R"({"content": "\n", "lstrip": true, "normalized": false})",
        R"({"content": "\n", "rstrip": true, "normalized": false})",
        R"({"content": "\n", "lstrip": true, "rstrip": true,
            "normalized": true})"}) {
    auto tokenizer = LoadWith(absl::StrCat(
        R"("model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0}},
           "added_tokens": [)",
        token, "]"));
    ASSERT_THAT(tokenizer, IsOk());
    ASSERT_OK_AND_ASSIGN(const auto ids,
                         (*tokenizer)->Encode(std::string(kSize, '\n'), false));
    EXPECT_FALSE(ids.empty());
  }
}

TEST(LongTextTest, AWordPieceOfAMillionIsCutAsAShortOneIs) {
  auto tokenizer = LoadWith(R"("model": {"type": "WordPiece",
      "max_input_chars_per_word": 100000000,
      "vocab": {"[UNK]": 0, "a": 1, "##a": 2, "##aaaaaaa": 3}})");
  ASSERT_THAT(tokenizer, IsOk());
  ASSERT_OK_AND_ASSIGN(
      const auto ids,
      (*tokenizer)->Encode(std::string(7 * (kSize / 7) + 1, 'a'), false));
  EXPECT_EQ(ids.size(), 1 + kSize / 7);
  // A last character that no token has makes all of it unknown.
  ASSERT_OK_AND_ASSIGN(
      const auto unknown,
      (*tokenizer)->Encode(absl::StrCat(std::string(kSize, 'a'), "b"), false));
  EXPECT_EQ(unknown, std::vector<int32_t>({0}));
}

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
