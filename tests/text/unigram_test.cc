#include "text/unigram.h"

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
  return ParseUnigram(std::move(config));
}

std::vector<int32_t> IdsOfWord(const TokenModelOr& model,
                               absl::string_view word) {
  EXPECT_THAT(model, IsOk());
  if (!model.ok()) return {};
  auto ids = EncodeWord(**model, word);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *std::move(ids) : std::vector<int32_t>();
}

// From the documentation of the reference's Unigram::encode.
constexpr char kModel[] = R"({"unk_id": 0, "vocab": [
  ["<unk>", 0.0], ["a", 0.0], ["b", 0.0], ["c", 0.0], ["d", 0.0], ["cd", 1.0],
  ["ab", 2.0], ["abc", 5.0], ["abcd", 10.0]]})";

TEST(UnigramTest, FindsTheMostProbableTokens) {
  // abcd a cd, and xx, which is unknown, as one.
  EXPECT_THAT(IdsOfWord(Load(kModel), "abcdacdxx"), ElementsAre(8, 1, 5, 0));
  // abc + d = 5 beats ab + cd = 3, abcd = 10 beats both.
  EXPECT_THAT(IdsOfWord(Load(kModel), "abcab"), ElementsAre(7, 6));
}

TEST(UnigramTest, OfEqualWaysTheOneFoundFirstStays) {
  // "aaa" is a|aa or aa|a: the step to its end from position 1 is seen first.
  const auto model =
      Load(R"({"unk_id": 0, "vocab": [["?", 0], ["a", -1], ["aa", -1]]})");
  EXPECT_THAT(IdsOfWord(model, "aaa"), ElementsAre(1, 2));
}

TEST(UnigramTest, UnknownCharactersScoreTenBelowTheWorstToken) {
  // "xy" costs -8; two unknown characters -18 each; so does "y" after "x"
  // known.
  const auto model = Load(R"({"unk_id": 0, "vocab": [
      ["?", 0], ["x", -1], ["xy", -8], ["xyz", -27]]})");
  EXPECT_THAT(IdsOfWord(model, "xy"), ElementsAre(2));
  // The worst token, -27, makes an unknown character -37: xy + unknown = -45
  // is worse than xyz.
  EXPECT_THAT(IdsOfWord(model, "xyz"), ElementsAre(3));
}

TEST(UnigramTest, FusedUnknownCharactersMayBeAToken) {
  // An unknown character scores 11, so that x and y are better than "xy".
  const auto model =
      Load(R"({"unk_id": 0, "vocab": [["?", 25], ["xy", 21], ["z", 40]]})");
  EXPECT_THAT(IdsOfWord(model, "xyq"), ElementsAre(0));
  EXPECT_THAT(IdsOfWord(model, "xy"), ElementsAre(1));
}

TEST(UnigramTest, BytesSpellUnknownCharactersWhereAllOfThemAreThere) {
  const auto model = Load(R"({"unk_id": 0, "byte_fallback": true, "vocab": [
      ["?", 0], ["a", -1], ["<0xC3>", -2], ["<0xA9>", -3]]})");
  EXPECT_THAT(IdsOfWord(model, "aé"), ElementsAre(1, 2, 3));
  EXPECT_THAT(IdsOfWord(model, "é\u0301"), ElementsAre(0));
}

TEST(UnigramTest, OfEqualTokensTheLastCounts) {
  const auto model =
      Load(R"({"unk_id": 0, "vocab": [["?", 0], ["a", -1], ["a", -2]]})");
  EXPECT_THAT(IdsOfWord(model, "a"), ElementsAre(2));
  EXPECT_EQ((*model)->vocabulary().TokenOf(1), "a");
  EXPECT_EQ((*model)->vocabulary().size(), 3u);
}

TEST(UnigramTest, WithoutAnUnknownTokenAnUnknownCharacterIsAnError) {
  const auto model = Load(R"({"vocab": [["a", -1], ["bc", -1]]})");
  EXPECT_THAT(IdsOfWord(model, "aa"), ElementsAre(0, 0));
  // As the reference: "b" alone is unknown, whatever follows.
  for (const char* word : {"x", "bc"}) {
    EXPECT_THAT(EncodeWord(**model, word),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("no \"unk_id\"")));
  }
}

TEST(UnigramTest, BadSettingsAreErrors) {
  for (const auto& [config, words] :
       std::vector<std::pair<const char*, const char*>>{
           {R"({"vocab": {"a": 0}})", "expected an array of [token, score]"},
           {R"({"vocab": [["a", 0], "b"]})", "\"vocab\"[1] is no piece"},
           {R"({"vocab": [["a"]]})", "\"vocab\"[0] is no piece"},
           {R"({"vocab": [[0, "a"]]})", "\"vocab\"[0] is no piece"},
           {R"({"vocab": [["a", 0, 0]]})", "\"vocab\"[0] is no piece"},
           {R"({"vocab": [["a", 1e999]]})", "\"vocab\"[0] is no piece"},
           {R"({"vocab": [["a", 0]], "unk_id": 1})", "\"unk_id\" is 1"},
           {R"({"vocab": [["a", 0]], "unk_id": -1})", "\"unk_id\" is -1"},
           {R"({"vocab": [["a", 0]], "unk_id": "a"})", "unk_id"},
           {R"({"vocab": [["a", 0]], "byte_fallback": 1})", "byte_fallback"}}) {
    EXPECT_THAT(Load(config),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)))
        << config;
  }
}

}  // namespace
}  // namespace ounce
