#include "text/pipeline.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Tokenizer> Load(absl::string_view members) {
  auto tokenizer = LoadWith(members);
  EXPECT_THAT(tokenizer, IsOk());
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

std::vector<int32_t> Ids(const Tokenizer& tokenizer, absl::string_view text,
                         bool add_special_tokens = false) {
  auto ids = tokenizer.Encode(text, add_special_tokens);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *ids : std::vector<int32_t>();
}

constexpr char kLetters[] = R"("model": {"type": "BPE", "unk_token": "?",
    "vocab": {"?": 0, "a": 1, "b": 2, "<s>": 3, "_": 4}, "merges": []},
    "added_tokens": [
      {"content": "<s>", "special": true},
      {"content": "YES", "normalized": true, "special": true}],
    "decoder": {"type": "Fuse"})";

TEST(PipelineTest, RawTokensAreFoundBeforeNormalization) {
  // Each piece between tokens is normalised by itself, so each gets its mark.
  const auto tokenizer =
      Load(absl::StrCat(kLetters, R"(, "normalizer": {"type": "Prepend",
                                       "prepend": "_"})"));
  EXPECT_THAT(Ids(*tokenizer, "a<s>b"), ElementsAre(4, 1, 3, 4, 2));
}

TEST(PipelineTest, NormalizedTokensAreFoundAfterIt) {
  const auto tokenizer =
      Load(absl::StrCat(kLetters, R"(, "normalizer": {"type": "Lowercase"})"));
  EXPECT_THAT(Ids(*tokenizer, "ayesB"), ElementsAre(1, 5, 2));
}

TEST(PipelineTest, SpecialTokensGoByTheirText) {
  const auto plain = Load(kLetters);
  EXPECT_EQ(plain->Decode({1, 3, 5, 2}, false), "a<s>YESb");
  EXPECT_EQ(plain->Decode({1, 3, 5, 2}, true), "ab");
  // As in the reference, a special token whose text a normalizer changes is
  // written in that form and not skipped.
  const auto lower =
      Load(absl::StrCat(kLetters, R"(, "normalizer": {"type": "Lowercase"})"));
  EXPECT_EQ(lower->Decode({1, 3, 5, 2}, true), "ayesb");
}

TEST(PipelineTest, IdsWithoutATokenAreSkipped) {
  const auto tokenizer = Load(kLetters);
  EXPECT_EQ(tokenizer->Decode({1, -1, 6, 1 << 30, 2}, false), "ab");
}

TEST(PipelineTest, IllFormedTextIsReadWithReplacementCharacters) {
  const auto tokenizer = Load(kLetters);
  EXPECT_EQ(Ids(*tokenizer,
                "a\xFF\xF0\x9F"
                "b"),
            Ids(*tokenizer, "a\uFFFD\uFFFDb"));
}

TEST(PipelineTest, NulIsACharacter) {
  EXPECT_THAT(Ids(*Load(kLetters), absl::string_view("a\0b", 3)),
              ElementsAre(1, 0, 2));
}

TEST(PipelineTest, EmptyTextHasNoIdsButThoseAdded) {
  const auto tokenizer = Load(absl::StrCat(
      kLetters, R"(, "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
        "special_tokens": {"<s>": {"ids": [3]}}})"));
  EXPECT_THAT(Ids(*tokenizer, "", false), ElementsAre());
  EXPECT_THAT(Ids(*tokenizer, "", true), ElementsAre(3));
  EXPECT_THAT(Ids(*tokenizer, "a", true), ElementsAre(3, 1));
}

TEST(PipelineTest, VocabularyIncludesAddedTokens) {
  const auto tokenizer = Load(kLetters);
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->TokenToId("YES"), 5);
  EXPECT_EQ(tokenizer->TokenToId("b"), 2);
  EXPECT_EQ(tokenizer->TokenToId("c"), std::nullopt);
  EXPECT_TRUE(tokenizer->IsSpecial(3));
  EXPECT_FALSE(tokenizer->IsSpecial(1));
  EXPECT_FALSE(tokenizer->IsSpecial(-5));
}

TEST(PipelineTest, ErrorsSayWhatWasBeingDone) {
  const auto tokenizer =
      Load(R"("model": {"type": "BPE", "vocab": {"a": 0}, "merges": [],
               "unk_token": "?"})");
  EXPECT_THAT(tokenizer->Encode("ab", false),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("encoding text: the vocabulary has no token "
                                 "for \"b\"")));
}

TEST(PipelineTest, ThreadsShareOneTokenizer) {
  const auto tokenizer = Load(kLetters);
  std::vector<std::vector<int32_t>> results(4);
  std::vector<std::thread> threads;
  for (std::vector<int32_t>& ids : results) {
    threads.emplace_back([&tokenizer, &ids] {
      for (int i = 0; i < 200; ++i) ids = *tokenizer->Encode("ab<s>YESx", true);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& ids : results) EXPECT_THAT(ids, ElementsAre(1, 2, 3, 5, 0));
}

}  // namespace
}  // namespace ounce
