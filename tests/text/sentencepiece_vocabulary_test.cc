#include "text/sentencepiece_vocabulary.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As most models begin.
SentencePieceModel ModelWith(std::vector<SentencePieceModel::Piece> more) {
  SentencePieceModel model;
  model.pieces = {{"<unk>", 0, PieceType::kUnknown},
                  {"<s>", 0, PieceType::kControl},
                  {"</s>", 0, PieceType::kControl}};
  model.pieces.insert(model.pieces.end(), more.begin(), more.end());
  return model;
}

SentencePieceVocabulary LayOut(const SentencePieceModel& model,
                               absl::string_view tokenizer_class,
                               const NamedFiles& files = {}) {
  const auto family = FindSentencePieceFamily(tokenizer_class);
  EXPECT_THAT(family, IsOk());
  auto vocabulary = LayOutVocabulary(model, *family, SettingsOf(files));
  EXPECT_THAT(vocabulary, IsOk());
  return *std::move(vocabulary);
}

std::vector<std::string> TextsOf(const SentencePieceVocabulary& vocabulary) {
  std::vector<std::string> texts;
  for (const auto& piece : vocabulary.pieces) texts.emplace_back(piece.text);
  return texts;
}

// The expected lists are those that the converters' code spells out.
TEST(LayOutVocabularyTest, FairseqMovesItsTokensBeforeThePieces) {
  const auto model = ModelWith({{"a", -1}, {"b", -2}});
  const auto vocabulary = LayOut(model, "XLMRobertaTokenizer");
  EXPECT_THAT(TextsOf(vocabulary),
              ElementsAre("<s>", "<pad>", "</s>", "<unk>", "a", "b", "<mask>"));
  EXPECT_EQ(vocabulary.unk_id, 3);
  EXPECT_EQ(vocabulary.pieces[4].score, -1.0f);
}

TEST(LayOutVocabularyTest, MBartPutsItsLanguagesBehindThem) {
  const auto texts = TextsOf(LayOut(ModelWith({{"a", -1}}), "MBartTokenizer"));
  // 4 + 1 + 25 languages + the mask.
  ASSERT_EQ(texts.size(), 31u);
  EXPECT_EQ(texts[5], "ar_AR");
  EXPECT_EQ(texts[29], "zh_CN");
  EXPECT_EQ(texts[30], "<mask>");
  EXPECT_EQ(TextsOf(LayOut(ModelWith({{"a", -1}}), "MBart50Tokenizer")).size(),
            58u);
}

TEST(LayOutVocabularyTest, CamembertKeepsPlaceholdersForItsModelsTokens) {
  const auto vocabulary = LayOut(ModelWith({{"a", -1}}), "CamembertTokenizer");
  EXPECT_THAT(TextsOf(vocabulary),
              ElementsAre("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>",
                          "<unk>NOTUSED", "<s>", "</s>", "a", "<mask>"));
  EXPECT_EQ(vocabulary.pieces[4].score, -100.0f);
  EXPECT_EQ(vocabulary.unk_id, 3);
}

TEST(LayOutVocabularyTest, T5CountsItsExtraTokensDown) {
  const auto vocabulary =
      LayOut(ModelWith({}), "T5Tokenizer",
             {{"tokenizer_config.json", R"({"extra_ids": 2})"}});
  EXPECT_THAT(TextsOf(vocabulary), ElementsAre("<unk>", "<s>", "</s>",
                                               "<extra_id_1>", "<extra_id_0>"));
  EXPECT_THAT(vocabulary.extra, ElementsAre("<extra_id_1>", "<extra_id_0>"));
  EXPECT_EQ(TextsOf(LayOut(ModelWith({}), "T5Tokenizer")).size(), 103u);
}

TEST(LayOutVocabularyTest, GemmaNamesItsFirstTokensAndFindsItsTabulator) {
  const auto model =
      ModelWith({{"<unk>2", 0}, {"<0x09>", 0, PieceType::kByte}, {"a", -1}});
  const auto vocabulary = LayOut(model, "GemmaTokenizer");
  EXPECT_THAT(TextsOf(vocabulary),
              ElementsAre("<pad>", "<eos>", "<bos>", "<unk>2", "\t", "a"));
  EXPECT_EQ(vocabulary.pieces[4].type, PieceType::kNormal);
}

TEST(LayOutVocabularyTest, PegasusPutsItsIdsBeforeTheThirdPiece) {
  const auto vocabulary = LayOut(ModelWith({{"a", -1}}), "PegasusTokenizer");
  const auto texts = TextsOf(vocabulary);
  // 4 + <unk_2> .. <unk_102>, then the pieces from the third on.
  ASSERT_EQ(texts.size(), 107u);
  EXPECT_EQ(texts[2], "<mask_1>");
  EXPECT_EQ(texts[3], "<mask_2>");
  EXPECT_EQ(texts[4], "<unk_2>");
  EXPECT_EQ(texts[104], "<unk_102>");
  EXPECT_EQ(texts[106], "a");
  EXPECT_EQ(vocabulary.unk_id, 103);
}

TEST(LayOutVocabularyTest, AlbertTakesCommasFromNumbers) {
  const auto vocabulary =
      LayOut(ModelWith({{"9,", -1}, {"a,", -1}, {",", -1}, {"9", -1}}),
             "AlbertTokenizer");
  EXPECT_EQ(vocabulary.pieces[3].score, -101.0f);
  EXPECT_EQ(vocabulary.pieces[4].score, -1.0f);
  EXPECT_EQ(vocabulary.pieces[5].score, -1.0f);
  EXPECT_EQ(vocabulary.pieces[6].score, -1.0f);
}

TEST(LayOutVocabularyTest, RefusesAModelWithoutThePiecesAClassMoves) {
  SentencePieceModel model;
  model.pieces = {{"<unk>", 0, PieceType::kUnknown}};
  ASSERT_OK_AND_ASSIGN(const auto family,
                       FindSentencePieceFamily("XLMRobertaTokenizer"));
  EXPECT_THAT(LayOutVocabulary(model, family, SettingsOf({})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a model of 1 pieces; class "
                                 "XLMRobertaTokenizer expects more than 3")));
}

TEST(LayOutVocabularyTest, RefusesExtraTokensWithoutEnd) {
  ASSERT_OK_AND_ASSIGN(const auto family,
                       FindSentencePieceFamily("T5Tokenizer"));
  EXPECT_THAT(
      LayOutVocabulary(
          ModelWith({}), family,
          SettingsOf({{"tokenizer_config.json", R"({"extra_ids": 1e9})"}})),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"extra_ids\"")));
}

TEST(MakeMergesTest, CutsEveryPieceWhereBothPartsAreTokens) {
  const std::vector<SentencePieceModel::Piece> pieces = {
      {"a", -3},
      {"b", -4},
      {"\xC3\xA9", -5},
      {"ab", -1},
      {"ab\xC3\xA9", -2},
      {"b\xC3\xA9", -2},
      {"a\xC3\xA9", -9, PieceType::kControl}};
  std::vector<Vocabulary::Token> tokens;
  for (size_t i = 0; i < pieces.size(); ++i) {
    tokens.push_back({pieces[i].text, static_cast<int32_t>(i)});
  }
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary, Vocabulary::Create(tokens));
  const MergeList list = MakeMerges(pieces, vocabulary);
  std::vector<std::string> merges;
  for (const Merge& merge : list.merges) {
    merges.push_back(absl::StrCat(merge.left, " ", merge.right));
  }
  EXPECT_THAT(merges,
              ElementsAre("a b", "a b\xC3\xA9", "ab \xC3\xA9", "b \xC3\xA9"));
  // -1 is the best score, -2 the next, which two pieces share.
  std::vector<std::vector<int32_t>> ids;
  for (const MergeIds& merge : list.ids) {
    ids.push_back({merge.left, merge.right, merge.merged, merge.rank});
  }
  using Ids = std::vector<int32_t>;
  EXPECT_THAT(ids, ElementsAre(Ids{0, 1, 3, 0}, Ids{0, 5, 4, 1},
                               Ids{3, 2, 4, 1}, Ids{1, 2, 5, 1}));
}

}  // namespace
}  // namespace ounce
