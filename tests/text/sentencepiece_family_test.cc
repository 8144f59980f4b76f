#include "text/sentencepiece_family.h"

#include <initializer_list>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

SentencePieceModel ModelOf(std::initializer_list<const char*> pieces,
                           SentencePieceKind kind) {
  SentencePieceModel model;
  model.kind = kind;
  for (const char* text : pieces) model.pieces.push_back({text});
  return model;
}

TEST(SentencePieceFamilyTest, FindsAFamilyByTheReferencesClass) {
  ASSERT_OK_AND_ASSIGN(const SentencePieceFamily family,
                       FindSentencePieceFamily("T5Tokenizer"));
  EXPECT_EQ(family.layout, SentencePieceLayout::kT5);
  EXPECT_EQ(family.single, "A eos");
}

TEST(SentencePieceFamilyTest, ListsTheClassesForOneItDoesNotHave) {
  EXPECT_THAT(FindSentencePieceFamily("NllbTokenizer"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("class \"NllbTokenizer\" is not supported "
                                 "with a SentencePiece model; supported are "
                                 "LlamaTokenizer, ")));
}

// Each model begins as the published ones of its class do.
TEST(SentencePieceFamilyTest, GuessesTheClassThatShipsSuchModels) {
  constexpr auto kBpe = SentencePieceKind::kBpe;
  constexpr auto kUnigram = SentencePieceKind::kUnigram;
  const auto llama = ModelOf({"<unk>", "<s>", "</s>", "<0x00>"}, kBpe);
  EXPECT_EQ(GuessSentencePieceClass(llama, "tokenizer.model"),
            "LlamaTokenizer");
  const auto gemma = ModelOf({"<pad>", "<eos>", "<bos>", "<unk>"}, kBpe);
  EXPECT_EQ(GuessSentencePieceClass(gemma, "tokenizer.model"),
            "GemmaTokenizer");
  auto t5 = ModelOf({"<pad>", "</s>", "<unk>", "a"}, kUnigram);
  t5.unk_id = 2;
  t5.bos_id = -1;
  EXPECT_EQ(GuessSentencePieceClass(t5, "spiece.model"), "T5Tokenizer");
  auto albert = ModelOf({"<pad>", "<unk>", "[CLS]", "[SEP]"}, kUnigram);
  albert.unk_id = 1;
  EXPECT_EQ(GuessSentencePieceClass(albert, "spiece.model"), "AlbertTokenizer");
  auto deberta = ModelOf({"[PAD]", "[CLS]", "[SEP]", "[UNK]"}, kUnigram);
  deberta.unk_id = 3;
  EXPECT_EQ(GuessSentencePieceClass(deberta, "spm.model"),
            "DebertaV2Tokenizer");
  const auto xlmr = ModelOf({"<unk>", "<s>", "</s>"}, kUnigram);
  EXPECT_EQ(GuessSentencePieceClass(xlmr, "sentencepiece.bpe.model"),
            "XLMRobertaTokenizer");
  EXPECT_EQ(GuessSentencePieceClass(xlmr, "source.spm"), "MarianTokenizer");
  EXPECT_EQ(GuessSentencePieceClass(xlmr, "spiece.model"), "");
}

}  // namespace
}  // namespace ounce
