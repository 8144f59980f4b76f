#include "text/word_level.h"

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
  return ParseWordLevel(std::move(config));
}

std::vector<int32_t> IdsOfWord(const TokenModelOr& model,
                               absl::string_view word) {
  EXPECT_THAT(model, IsOk());
  if (!model.ok()) return {};
  auto ids = EncodeWord(**model, word);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *std::move(ids) : std::vector<int32_t>();
}

TEST(WordLevelTest, KnownWordsAndTheUnknownToken) {
  const auto model = Load(R"({"vocab": {"a": 0, "ab": 7, "?": 3},
                              "unk_token": "?"})");
  EXPECT_THAT(IdsOfWord(model, "ab"), ElementsAre(7));
  EXPECT_THAT(IdsOfWord(model, "aba"), ElementsAre(3));
  EXPECT_EQ((*model)->vocabulary().TokenOf(7), "ab");
}

TEST(WordLevelTest, WithoutTheUnknownTokenAnUnknownWordIsAnError) {
  const auto model = Load(R"({"vocab": {"a": 0}})");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(EncodeWord(**model, "b"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("unknown token \"<unk>\"")));
}

TEST(WordLevelTest, BadSettingsAreErrors) {
  EXPECT_THAT(Load(R"({"vocab": {}, "unk_token": 1})"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  EXPECT_THAT(Load(R"({"vocab": [["a", 0]]})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected an object of token: id")));
}

}  // namespace
}  // namespace ounce
