#include "text/bpe_files.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 'h' + 'i' = "hi"; "\u0120" is the space.
constexpr char kVocab[] =
    R"({"<s>": 0, "<pad>": 1, "</s>": 2, "h": 3, "i": 4, "Ġ": 5, "hi": 6,
        "Ġh": 7, "<mask>": 8, "<|endoftext|>": 9})";
constexpr char kMerges[] = "#version: 0.2\nh i\n\xC4\xA0 h\n";

absl::StatusOr<std::unique_ptr<Tokenizer>> Load(NamedFiles more,
                                                const char* vocab = kVocab,
                                                const char* merges = kMerges) {
  more.push_back({"vocab.json", vocab});
  more.push_back({"merges.txt", merges});
  return Tokenizer::Create(AssetOf(TokenizerKind::kBpeFiles, more));
}

std::vector<int32_t> Encode(const NamedFiles& more, absl::string_view text) {
  const auto tokenizer = Load(more);
  EXPECT_THAT(tokenizer, IsOk());
  if (!tokenizer.ok()) return {};
  const auto ids = (*tokenizer)->Encode(text, true);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *ids : std::vector<int32_t>();
}

NamedFiles Class(absl::string_view name, absl::string_view more = "") {
  return {{"tokenizer_config.json",
           absl::StrCat(R"({"tokenizer_class": ")", name, "\"", more, "}")}};
}

TEST(BpeFilesTest, WithoutAClassItIsGpt2) {
  EXPECT_THAT(Encode({}, "hi hi"), ElementsAre(6, 5, 6));
  EXPECT_THAT(Encode({}, "hi<|endoftext|>i"), ElementsAre(6, 9, 4));
}

TEST(BpeFilesTest, Gpt2AddsWhatItsOptionsSay) {
  EXPECT_THAT(
      Encode(Class("GPT2Tokenizer", R"(, "add_prefix_space": true)"), "hi"),
      ElementsAre(5, 6));
  EXPECT_THAT(Encode(Class("GPT2Tokenizer",
                           R"(, "add_bos_token": true, "bos_token": "</s>")"),
                     "hi"),
              ElementsAre(2, 6));
}

TEST(BpeFilesTest, RobertaHasTokensAroundTheTextAndATakingMask) {
  EXPECT_THAT(Encode(Class("RobertaTokenizerFast"), "hi <mask>"),
              ElementsAre(0, 6, 8, 2));
  EXPECT_THAT(Encode({{"config.json", R"({"model_type": "bart"})"}}, "hi"),
              ElementsAre(0, 6, 2));
}

TEST(BpeFilesTest, QwenNormalizesAndNumbersItsAddedTokensOn) {
  const NamedFiles files =
      Class("Qwen2Tokenizer", R"(, "added_tokens_decoder": {
               "10": {"content": "<|im_start|>", "special": true}})");
  EXPECT_THAT(Encode(files, "hi<|im_start|>"), ElementsAre(6, 10));
  // Digits are words of their own.  None is in the vocabulary: all are dropped.
  EXPECT_THAT(Encode(files, "hi\r\n12"), ElementsAre(6));
}

TEST(BpeFilesTest, ReadsMergesWithoutAHeaderAndWithOtherLineEnds) {
  ASSERT_OK_AND_ASSIGN(const auto tokenizer,
                       Load({}, kVocab, "h i\r\n\xC4\xA0 h"));
  EXPECT_THAT(*tokenizer->Encode("hi hi", false), ElementsAre(6, 5, 6));
}

TEST(BpeFilesTest, NamesTheFileAndTheLineOfAnError) {
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Load({}, "[]"),
              StatusIs(kCode, HasSubstr("vocab.json: no JSON")));
  EXPECT_THAT(Load({}, R"({"a": 0, "a": 1})"),
              StatusIs(kCode, HasSubstr("vocab.json: ")));
  EXPECT_THAT(Load({}, R"({"a": 0)"),
              StatusIs(kCode, HasSubstr("vocab.json: ")));
  EXPECT_THAT(Load({}, kVocab, "h i\nhi\n"),
              StatusIs(kCode, HasSubstr("merges.txt: line 2 is \"hi\"")));
  EXPECT_THAT(Load({}, kVocab, "h i hi\n"),
              StatusIs(kCode, HasSubstr("merges.txt: line 1")));
  EXPECT_THAT(Load({}, kVocab, "\xFF\n"),
              StatusIs(kCode, HasSubstr("merges.txt: the file is no UTF-8")));
  EXPECT_THAT(Load({}, kVocab, "h x\n"),
              StatusIs(kCode, HasSubstr("needs \"x\"")));
  EXPECT_THAT(Tokenizer::Create(
                  AssetOf(TokenizerKind::kBpeFiles, {{"vocab.json", kVocab}})),
              StatusIs(kCode, HasSubstr("no file merges.txt")));
}

TEST(BpeFilesTest, ListsItsClassesForOneItDoesNotHave) {
  EXPECT_THAT(Load(Class("XLMTokenizer")),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("class \"XLMTokenizer\" is not supported with "
                                 "vocab.json and merges.txt; supported are "
                                 "GPT2Tokenizer, ")));
}

}  // namespace
}  // namespace ounce
