#include "text/word_piece.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TokenModelOr Load(absl::string_view json) {
  JsonReader reader(json);
  ModelConfig config = ReadModelConfig(&reader);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  return ParseWordPiece(std::move(config));
}

std::vector<int32_t> IdsOfWord(const TokenModelOr& model,
                               absl::string_view word) {
  EXPECT_THAT(model, IsOk());
  if (!model.ok()) return {};
  auto ids = EncodeWord(**model, word);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *std::move(ids) : std::vector<int32_t>();
}

constexpr char kModel[] = R"({
  "vocab": {"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "##a": 4, "u": 5,
            "##ff": 6, "é": 7, "##é": 8, "##": 9}})";

TEST(WordPieceTest, TakesTheLongestTokenEachTime) {
  // The example of BERT's own code.
  EXPECT_THAT(IdsOfWord(Load(kModel), "unaffable"), ElementsAre(1, 2, 3));
  EXPECT_THAT(IdsOfWord(Load(kModel), "unaff"), ElementsAre(1, 2));
  EXPECT_THAT(IdsOfWord(Load(kModel), "uaé"), ElementsAre(5, 4, 8));
}

TEST(WordPieceTest, AWordThatCannotBeCutIsUnknownAsAWhole) {
  // "##aff" is taken and leaves "x": no shorter token is tried.
  EXPECT_THAT(IdsOfWord(Load(kModel), "unaffx"), ElementsAre(0));
  EXPECT_THAT(IdsOfWord(Load(kModel), "x"), ElementsAre(0));
  EXPECT_THAT(IdsOfWord(Load(kModel), "ff"), ElementsAre(0));
}

TEST(WordPieceTest, LengthIsCountedInCharacters) {
  const auto model = Load(R"({"vocab": {"?": 0, "é": 1, "##é": 2},
      "unk_token": "?", "max_input_chars_per_word": 3})");
  EXPECT_THAT(IdsOfWord(model, "ééé"), ElementsAre(1, 2, 2));
  EXPECT_THAT(IdsOfWord(model, "éééé"), ElementsAre(0));
}

TEST(WordPieceTest, TheUnknownTokenFollowsWhatIsThere) {
  const auto model = Load(kModel);
  ASSERT_THAT(model, IsOk());
  std::vector<int32_t> ids;
  const auto encoder = (*model)->NewEncoder();
  EXPECT_OK(encoder->Encode("un", &ids));
  EXPECT_OK(encoder->Encode("unx", &ids));
  EXPECT_THAT(ids, ElementsAre(1, 0));
}

TEST(WordPieceTest, AnEmptyPrefixLetsEveryTokenContinue) {
  const auto model = Load(R"({"vocab": {"?": 0, "a": 1, "b": 2},
      "unk_token": "?", "continuing_subword_prefix": ""})");
  EXPECT_THAT(IdsOfWord(model, "aba"), ElementsAre(1, 2, 1));
}

TEST(WordPieceTest, BadSettingsAreErrors) {
  for (const auto& [config, words] :
       std::vector<std::pair<const char*, const char*>>{
           {R"({"vocab": {}, "max_input_chars_per_word": -1})", "is -1"},
           {R"({"vocab": {}, "unk_token": 1})", "unk_token"},
           {R"({"vocab": {}, "continuing_subword_prefix": []})", "prefix"},
           {R"({})", "\"vocab\""}}) {
    EXPECT_THAT(Load(config),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)));
  }
  const auto model = Load(R"({"vocab": {"a": 0}})");
  EXPECT_THAT(
      EncodeWord(**model, "b"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"[UNK]\"")));
}

}  // namespace
}  // namespace ounce
