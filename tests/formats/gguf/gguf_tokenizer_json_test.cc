#include "formats/gguf/gguf_tokenizer_json.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/formats/gguf/gguf_vocabularies.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

testing::Matcher<absl::Status> Invalid(const std::string& words) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words));
}

absl::StatusOr<Json> BytePair(const std::vector<std::string>& merges) {
  const std::string file =
      GgufImage()
          .Value("tokenizer.ggml.tokens", GgufStrings({"a", "b", "ab"}))
          .Value("tokenizer.ggml.merges", GgufStrings(merges))
          .Build();
  OUNCE_ASSIGN_OR_RETURN(const GgufFile gguf, ParseGguf(file));
  OUNCE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary,
                         ReadGgufVocabulary(gguf, {}));
  return GgufBytePairJson(gguf, vocabulary, *FindGgufPreTokenizer("gpt-2"));
}

TEST(GgufBytePairJsonTest, CutsMergesAtTheSpaceBetweenTheirTokens) {
  ASSERT_OK_AND_ASSIGN(const Json json, BytePair({"a b", "  b", "a b c"}));
  const Json::Array& merges = *json.Find("model")->Find("merges")->AsArray();
  ASSERT_EQ(merges.size(), 3u);
  EXPECT_EQ(merges[0].Dump(), R"("a b")");
  EXPECT_EQ(merges[1].Dump(), R"([" ","b"])");
  EXPECT_EQ(merges[2].Dump(), R"(["a","b c"])");
}

TEST(GgufBytePairJsonTest, RefusesWhatIsNoPair) {
  EXPECT_THAT(BytePair({"a b", "ab"}).status(), Invalid("merge 1 is 'ab'"));
  EXPECT_THAT(BytePair({""}).status(), Invalid("merge 0 is ''"));
  EXPECT_THAT(BytePair({"a "}).status(), Invalid("merge 0 is 'a '"));
  EXPECT_THAT(BytePair({"\xff b"}).status(), Invalid("merge 0 is '\\xff b'"));
}

absl::StatusOr<Json> WordPiece(const std::vector<std::string>& tokens) {
  const std::string file =
      GgufImage()
          .Value("tokenizer.ggml.tokens", GgufStrings(tokens))
          .Value("tokenizer.ggml.unknown_token_id", GgufUint32(0))
          .Build();
  OUNCE_ASSIGN_OR_RETURN(const GgufFile gguf, ParseGguf(file));
  OUNCE_ASSIGN_OR_RETURN(const GgufVocabulary vocabulary,
                         ReadGgufVocabulary(gguf, {}));
  return GgufWordPieceJson(gguf, vocabulary);
}

TEST(GgufWordPieceJsonTest, MarksContinuationsInsteadOfStarts) {
  ASSERT_OK_AND_ASSIGN(const Json json,
                       WordPiece({"[UNK]", "\u2581play", "ing", "]"}));
  EXPECT_EQ(json.Find("model")->Find("vocab")->Dump(),
            R"({"[UNK]":0,"play":1,"##ing":2,"##]":3})");
}

TEST(GgufWordPieceJsonTest, RefusesTokensThatBecomeOne) {
  EXPECT_THAT(WordPiece({"[UNK]", "\u2581##a", "a"}).status(),
              Invalid("token 2, 'a', means the same as another, '##a'"));
}

TEST(GgufUnigramJsonTest, UsersTokensCostNothing) {
  GgufImage image = TinyUnigramGguf();
  const std::string file = image.Build();
  ASSERT_OK_AND_ASSIGN(const GgufFile gguf, ParseGguf(file));
  GgufVocabularyDefaults defaults;
  defaults.ids[static_cast<size_t>(GgufRole::kUnk)] = 2;
  ASSERT_OK_AND_ASSIGN(GgufVocabulary vocabulary,
                       ReadGgufVocabulary(gguf, defaults));
  vocabulary.tokens[5].type = GgufTokenType::kUserDefined;
  ASSERT_OK_AND_ASSIGN(const Json json, GgufUnigramJson(gguf, vocabulary));
  const Json::Array& vocab = *json.Find("model")->Find("vocab")->AsArray();
  EXPECT_EQ((*vocab[4].AsArray())[1].AsDouble(), -3.0);
  EXPECT_EQ((*vocab[5].AsArray())[1].AsDouble(), 0.0);
}

}  // namespace
}  // namespace ounce
