#include "text/sentencepiece_files.h"

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

constexpr auto kBpe = SentencePieceKind::kBpe;
constexpr char kConfigName[] = "tokenizer_config.json";

std::string Bytes(const std::vector<SentencePieceModel::Piece>& more,
                  const ModelFileOptions& options) {
  std::vector<SentencePieceModel::Piece> pieces = {
      {"<unk>", 0, PieceType::kUnknown},
      {"<s>", 0, PieceType::kControl},
      {"</s>", 0, PieceType::kControl}};
  pieces.insert(pieces.end(), more.begin(), more.end());
  return ModelFileOf(pieces, options);
}

// Ids: "a" 3, "b" 4, the mark 5, "ab" 6, the mark and "a" 7, "ba" 8.
std::string LlamaBytes() {
  return Bytes({{"a", -3},
                {"b", -4},
                {"\u2581", -5},
                {"ab", -1},
                {"\u2581a", -2},
                {"ba", -2}},
               {.kind = kBpe});
}

absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const NamedFiles& files) {
  return Tokenizer::Create(AssetOf(TokenizerKind::kSentencePiece, files));
}

std::vector<int32_t> Encode(const NamedFiles& files, absl::string_view text,
                            bool add_special_tokens = true) {
  const auto tokenizer = Load(files);
  EXPECT_THAT(tokenizer, IsOk());
  if (!tokenizer.ok()) return {};
  const auto ids = (*tokenizer)->Encode(text, add_special_tokens);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *ids : std::vector<int32_t>();
}

TEST(SentencePieceFilesTest, LlamaMergesByScoreAndAddsItsFirstToken) {
  const NamedFiles files = {{"tokenizer.model", LlamaBytes()}};
  // "_ab": "ab" has the best score.
  EXPECT_THAT(Encode(files, "ab"), ElementsAre(1, 5, 6));
  // "_aba": then "ab" again, and the last "a" is left.
  EXPECT_THAT(Encode(files, "aba", false), ElementsAre(5, 6, 3));
  EXPECT_THAT(Encode(files, "b</s>a", false), ElementsAre(5, 4, 2, 7));
  EXPECT_THAT(Encode(files, "", false), ElementsAre());
}

TEST(SentencePieceFilesTest, OfOneScoreTheLeftmostMergesFirst) {
  // Both "_a" and "ba" have -2: "_a" comes first in "_aba" without "ab".
  const NamedFiles files = {{"tokenizer.model", Bytes({{"a", -3},
                                                       {"b", -4},
                                                       {"\u2581", -5},
                                                       {"ba", -2},
                                                       {"\u2581a", -2},
                                                       {"bab", -2}},
                                                      {.kind = kBpe})}};
  EXPECT_THAT(Encode(files, "abab", false), ElementsAre(7, 8));
}

TEST(SentencePieceFilesTest, LlamaReadsItsFlags) {
  const auto with = [](const char* config, absl::string_view text) {
    return Encode({{"tokenizer.model", LlamaBytes()}, {kConfigName, config}},
                  text);
  };
  EXPECT_THAT(with(R"({"add_bos_token": false, "add_eos_token": true})", "b"),
              ElementsAre(5, 4, 2));
  EXPECT_THAT(with(R"({"add_prefix_space": false})", "b"), ElementsAre(1, 4));
  // The older way puts a space behind every special token.
  EXPECT_THAT(with("{}", "b</s>b"), ElementsAre(1, 5, 4, 2, 5, 4));
  EXPECT_THAT(with(R"({"legacy": false})", "b</s>b"),
              ElementsAre(1, 5, 4, 2, 4));
}

TEST(SentencePieceFilesTest, AddedTokensAreNumberedOnBehindThePieces) {
  EXPECT_THAT(Encode({{"tokenizer.model", LlamaBytes()},
                      {"special_tokens_map.json", R"({"pad_token": "<x>"})"},
                      {"added_tokens.json", R"({"[PAD]": 9, "<x>": 10})"}},
                     "b<x>"),
              ElementsAre(1, 5, 4, 10));
}

TEST(SentencePieceFilesTest, SpellsUnknownCharactersAsBytes) {
  const NamedFiles files = {
      {"tokenizer.model",
       Bytes({{"<0xC3>", 0, PieceType::kByte},
              {"<0xA9>", 0, PieceType::kByte},
              {"\u2581", -1}},
             {.kind = kBpe, .trainer = NumberField(35, 1)})}};
  EXPECT_THAT(Encode(files, "\xC3\xA9", false), ElementsAre(5, 3, 4));
  // No bytes for this one.
  EXPECT_THAT(Encode(files, "x", false), ElementsAre(5, 0));
}

TEST(SentencePieceFilesTest, UserDefinedPiecesAreWholeAndNotSpecial) {
  const NamedFiles files = {
      {"tokenizer.model", Bytes({{"ab", 0, PieceType::kUserDefined},
                                 {"a", -1},
                                 {"b", -1},
                                 {"\u2581", -1}},
                                {.kind = kBpe})}};
  EXPECT_THAT(Encode(files, "aabb", false), ElementsAre(6, 4, 3, 6, 5));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Load(files));
  EXPECT_FALSE(tokenizer->IsSpecial(3));
  EXPECT_TRUE(tokenizer->IsSpecial(1));
}

// "_a" + "b" costs 1.5, "_" + "ab" 3.
std::string UnigramBytes() {
  return Bytes({{"a", -2},
                {"b", -1},
                {"\u2581", -1.5f},
                {"ab", -1.5f},
                {"\u2581a", -0.5f}},
               {.normalizer = NumberField(4, 1)});
}

TEST(SentencePieceFilesTest, XlmRobertaShiftsTheIds) {
  EXPECT_THAT(Encode({{"sentencepiece.bpe.model", UnigramBytes()}}, " ab "),
              ElementsAre(0, 8, 5, 2));
  EXPECT_THAT(Encode({{"sentencepiece.bpe.model", UnigramBytes()}}, "a <mask>"),
              ElementsAre(0, 8, 9, 2));
}

TEST(SentencePieceFilesTest, MBartEndsWithItsLanguage) {
  NamedFiles files = {{"sentencepiece.bpe.model", UnigramBytes()},
                      {"config.json", R"({"model_type": "mbart"})"}};
  // 4 + 5 pieces, then ar_AR 9, cs_CZ, de_DE, en_XX.
  EXPECT_THAT(Encode(files, "ab"), ElementsAre(8, 5, 2, 12));
  files.push_back({kConfigName, R"({"src_lang": "ar_AR"})"});
  EXPECT_THAT(Encode(files, "ab"), ElementsAre(8, 5, 2, 9));
}

TEST(SentencePieceFilesTest, T5EndsTheTextAndHasSentinels) {
  const NamedFiles files = {{"spiece.model", UnigramBytes()},
                            {"config.json", R"({"model_type": "t5"})"}};
  EXPECT_THAT(Encode(files, "ab"), ElementsAre(7, 4, 2));
  // 8 pieces: <extra_id_99> is 8 and <extra_id_0> 107.
  EXPECT_THAT(Encode(files, "<extra_id_0>ab", false), ElementsAre(107, 7, 4));
}

TEST(SentencePieceFilesTest, WithoutAClassTheModelIsUsedAsItsLibraryDoes) {
  const NamedFiles files = {{"spiece.model", UnigramBytes()}};
  EXPECT_THAT(Encode(files, "  ab   b  "), ElementsAre(7, 4, 5, 4));
}

TEST(SentencePieceFilesTest, MarianTakesItsIdsFromTheVocabulary) {
  const NamedFiles files = {
      {"source.spm", UnigramBytes()},
      {"vocab.json", R"({"</s>": 0, "<unk>": 1, "b": 2, "\u2581a": 3,
                         "xyz": 4, ">>fra<<": 5, "<pad>": 6})"}};
  EXPECT_THAT(Encode(files, "ab"), ElementsAre(3, 2, 0));
  // The piece "_" is not in the vocabulary, and "xyz" is no piece.
  EXPECT_THAT(Encode(files, "b xyz", false), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(Encode(files, ">>fra<< ab"), ElementsAre(5, 3, 2, 0));
  ASSERT_OK_AND_ASSIGN(const auto tokenizer, Load(files));
  EXPECT_EQ(tokenizer->Decode({3, 2, 0}, true), "ab");
}

TEST(SentencePieceFilesTest, SaysWhatIsWrong) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
  EXPECT_THAT(Load({}),
              StatusIs(kInvalid, HasSubstr("no SentencePiece model")));
  EXPECT_THAT(Load({{"tokenizer.model", "IQ== 0\n"}}),
              StatusIs(kInvalid, HasSubstr("tokenizer.model: ")));
  EXPECT_THAT(Load({{"tokenizer.model",
                     Bytes({}, {.kind = SentencePieceKind::kWord})}}),
              StatusIs(kUnimplemented, HasSubstr("supported are unigram and")));
  EXPECT_THAT(
      Load({{"tokenizer.model", Bytes({}, {.trainer = NumberField(24, 1)})}}),
      StatusIs(kUnimplemented, HasSubstr("treat_whitespace_as_suffix")));
  EXPECT_THAT(Load({{"tokenizer.model",
                     Bytes({{"a", -1}, {"a", -2}}, {.kind = kBpe})}}),
              StatusIs(kInvalid, HasSubstr("\"a\"")));
  EXPECT_THAT(Load({{"source.spm", UnigramBytes()}}),
              StatusIs(kInvalid, HasSubstr("no file vocab.json")));
  EXPECT_THAT(Load({{"tokenizer.model", LlamaBytes()},
                    {kConfigName, R"({"tokenizer_class": "Foo"})"}}),
              StatusIs(kUnimplemented, HasSubstr("class \"Foo\"")));
}

}  // namespace
}  // namespace ounce
