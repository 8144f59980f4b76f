#include "formats/gguf/gguf_tokenizer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_vocabularies.h"
#include "tests/util/status_matchers.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<TokenizerAsset> AssetOf(const GgufImage& image) {
  const std::string file = image.Build();
  OUNCE_ASSIGN_OR_RETURN(const GgufFile gguf, ParseGguf(file));
  return GgufTokenizer(gguf);
}

absl::StatusOr<std::vector<int32_t>> Encode(const GgufImage& image,
                                            absl::string_view text,
                                            bool special = false) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerAsset asset, AssetOf(image));
  OUNCE_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Create(asset));
  return tokenizer->Encode(text, special);
}

TEST(GgufTokenizerTest, BytePairsMergeAndAddedTokensStayWhole) {
  EXPECT_THAT(Encode(TinyBytePairGguf(), "abc ab<|end|>ckeep itb"),
              IsOkAndHolds(ElementsAre(5, 3, 4, 6, 2, 7, 1)));
}

TEST(GgufTokenizerTest, AddsTheTokensThatTheFileAsksFor) {
  GgufImage image = TinyBytePairGguf();
  image.Value("tokenizer.ggml.add_eos_token", GgufBool(true))
      .Value("tokenizer.ggml.bos_token_id", GgufUint32(2))
      .Value("tokenizer.ggml.add_bos_token", GgufBool(true));
  EXPECT_THAT(Encode(image, "a", true), IsOkAndHolds(ElementsAre(2, 0, 6)));
  EXPECT_THAT(Encode(image, "a", false), IsOkAndHolds(ElementsAre(0)));
}

// Ids 3 to 258 are the bytes; "_a" 259, "ab" 260, "_" 261, "a" 262, "b" 263.
TEST(GgufTokenizerTest, SentencePieceMergesByScoreAndFallsBackToBytes) {
  EXPECT_THAT(Encode(TinySentencePieceGguf(), "ab", true),
              IsOkAndHolds(ElementsAre(1, 259, 263)));
  EXPECT_THAT(Encode(TinySentencePieceGguf(), "bab"),
              IsOkAndHolds(ElementsAre(261, 263, 260)));
  EXPECT_THAT(Encode(TinySentencePieceGguf(), "b\u00e9"),
              IsOkAndHolds(ElementsAre(261, 263, 3 + 0xC3, 3 + 0xA9)));
  GgufImage image = TinySentencePieceGguf();
  image.Value("tokenizer.ggml.add_space_prefix", GgufBool(false))
      .Value("tokenizer.ggml.add_bos_token", GgufBool(false));
  EXPECT_THAT(Encode(image, "ab</s>b", true),
              IsOkAndHolds(ElementsAre(260, 2, 263)));
}

TEST(GgufTokenizerTest, WordPieceSurroundsTextsAndLowersCase) {
  EXPECT_THAT(Encode(TinyWordPieceGguf(), "PLAYing! played", true),
              IsOkAndHolds(ElementsAre(2, 5, 6, 7, 1, 3)));
  GgufImage cased = TinyWordPieceGguf();
  cased.Value("tokenizer.ggml.normalizer.lowercase", GgufBool(false));
  EXPECT_THAT(Encode(cased, "PLAY play"), IsOkAndHolds(ElementsAre(1, 5)));
}

TEST(GgufTokenizerTest, UnigramTakesTheMostProbableCut) {
  // "_cat" and "s" score -7; "_", "c" and unknown characters far less.
  EXPECT_THAT(Encode(TinyUnigramGguf(), "  cats ", true),
              IsOkAndHolds(ElementsAre(4, 5, 1)));
  EXPECT_THAT(Encode(TinyUnigramGguf(), "c"), IsOkAndHolds(ElementsAre(3, 6)));
}

TEST(GgufTokenizerTest, ChatTemplatesGoIntoTheConfig) {
  GgufImage image = TinyBytePairGguf();
  image.Value("tokenizer.chat_template", GgufString("main {{ eos_token }}"))
      .Value("tokenizer.chat_templates", GgufStrings({"rag", "absent"}))
      .Value("tokenizer.chat_template.rag", GgufString("rag"));
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset asset, AssetOf(image));
  EXPECT_THAT(ChatTemplate::Names(asset),
              IsOkAndHolds(ElementsAre("default", "rag")));
  ASSERT_OK_AND_ASSIGN(const ChatTemplate chat,
                       ChatTemplate::Create(asset, "", false));
  EXPECT_THAT(chat.Render(Json(Json::Array{}), {}),
              IsOkAndHolds("main <|end|>"));
}

TEST(GgufTokenizerTest, AFileThatCarriesATokenizerJsonUsesIt) {
  GgufImage image = TinyBytePairGguf();
  image.Value("tokenizer.huggingface.json", GgufString("{}"));
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset asset, AssetOf(image));
  EXPECT_EQ(asset.Find("tokenizer.json")->view(), "{}");
}

TEST(GgufTokenizerTest, NoTokenizerIsNoErrorAndUnknownOnesAreNamed) {
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset none, AssetOf(GgufImage()));
  EXPECT_EQ(none.kind, TokenizerKind::kNone);
  EXPECT_EQ(none.unusable, "");
  ASSERT_OK_AND_ASSIGN(
      const TokenizerAsset rwkv,
      AssetOf(GgufImage().Value("tokenizer.ggml.model", GgufString("rwkv"))));
  EXPECT_EQ(rwkv.kind, TokenizerKind::kNone);
  EXPECT_THAT(rwkv.unusable, HasSubstr("model 'rwkv' (known: gpt2"));
  GgufImage image;
  image.Value("tokenizer.ggml.model", GgufString("gpt2"))
      .Value("tokenizer.ggml.pre", GgufString("from-tomorrow"));
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset pre, AssetOf(image));
  EXPECT_EQ(pre.kind, TokenizerKind::kNone);
  EXPECT_THAT(pre.unusable,
              HasSubstr("pre-tokenizer 'from-tomorrow' (known: default, "));
  EXPECT_THAT(Tokenizer::Create(pre).status(),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("pre-tokenizer 'from-tomorrow'")));
}

TEST(GgufTokenizerTest, ValuesOfAWrongTypeAreErrorsWithTheirKey) {
  EXPECT_THAT(AssetOf(GgufImage().Value("tokenizer.ggml.model", GgufUint32(1))),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("key 'tokenizer.ggml.model'")));
  GgufImage image = TinyBytePairGguf();
  image.Value("tokenizer.chat_template", GgufString("\xff"));
  EXPECT_THAT(AssetOf(image),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("key 'tokenizer.chat_template' is no UTF-8")));
}

}  // namespace
}  // namespace ounce
