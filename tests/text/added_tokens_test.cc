#include "text/added_tokens.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kVocab[] = R"({"a": 0, "b": 1, "<s>": 2})";

absl::StatusOr<AddedTokens> Parse(absl::string_view array,
                                  const Normalizer* normalizer = nullptr) {
  OUNCE_ASSIGN_OR_RETURN(const Vocabulary vocabulary, ReadVocabulary(kVocab));
  const Json json = ParseOrDie(array);
  return AddedTokens::Parse(&json, vocabulary, normalizer);
}

// Pieces of `text`, tokens in angle brackets with their id.
std::vector<std::string> Pieces(const AddedTokens& tokens,
                                absl::string_view text) {
  TextPieces pieces(text);
  EXPECT_THAT(tokens.ExtractRaw(&pieces), IsOk());
  std::vector<std::string> out;
  for (const TextPiece& piece : pieces.pieces()) {
    out.push_back(
        piece.token_id == kNoToken
            ? std::string(piece.text)
            : absl::StrCat("<", piece.token_id, ":", piece.text, ">"));
  }
  return out;
}

std::vector<std::string> Pieces(absl::string_view token,
                                absl::string_view text) {
  auto tokens = Parse(absl::StrCat("[", token, "]"));
  EXPECT_THAT(tokens, IsOk());
  return Pieces(*tokens, text);
}

TEST(AddedTokensTest, TokenIsCutOutOfTheText) {
  EXPECT_THAT(Pieces(R"({"content": "<s>", "special": true})", "a<s>b<s>"),
              ElementsAre("a", "<2:<s>>", "b", "<2:<s>>"));
}

TEST(AddedTokensTest, LongestTokenAtAPlaceWins) {
  EXPECT_THAT(Pieces(R"({"content": "<|a", "normalized": false},
                        {"content": "<|a|>", "normalized": false})",
                     "x<|a|><|ay"),
              ElementsAre("x", "<4:<|a|>>", "<3:<|a>", "y"));
}

TEST(AddedTokensTest, SingleWordNeedsNoWordCharactersAround) {
  const std::string token =
      R"({"content": "cat", "single_word": true, "normalized": false})";
  EXPECT_THAT(Pieces(token, "cat"), ElementsAre("<3:cat>"));
  EXPECT_THAT(Pieces(token, "-cat!"), ElementsAre("-", "<3:cat>", "!"));
  EXPECT_THAT(Pieces(token, "cats"), ElementsAre("cats"));
  EXPECT_THAT(Pieces(token, "écat"), ElementsAre("écat"));
  // U+0301 is a mark, and so a word character.
  EXPECT_THAT(Pieces(token, "cat\u0301"), ElementsAre("cat\u0301"));
}

TEST(AddedTokensTest, StrippingTokensTakeWhiteSpaceAlong) {
  EXPECT_THAT(
      Pieces(R"({"content": "<m>", "lstrip": true, "normalized": false})",
             "a \u3000<m> b"),
      ElementsAre("a", "<3: \u3000<m>>", " b"));
  EXPECT_THAT(
      Pieces(R"({"content": "<m>", "rstrip": true, "normalized": false})",
             "a <m> \n b"),
      ElementsAre("a ", "<3:<m> \n >", "b"));
}

TEST(AddedTokensTest, NeighboursShareNoWhiteSpace) {
  EXPECT_THAT(Pieces(R"({"content": "<m>", "lstrip": true, "rstrip": true,
                         "normalized": false})",
                     "<m> <m>"),
              ElementsAre("<3:<m> >", "<3:<m>>"));
}

TEST(AddedTokensTest, OnlyThePieceAtTheStartIsFirst) {
  ASSERT_OK_AND_ASSIGN(const AddedTokens tokens,
                       Parse(R"([{"content": "<s>", "normalized": false}])"));
  TextPieces pieces("<s>a");
  ASSERT_OK(tokens.ExtractRaw(&pieces));
  ASSERT_EQ(pieces.pieces().size(), 2u);
  EXPECT_TRUE(pieces.pieces()[0].is_first);
  EXPECT_FALSE(pieces.pieces()[1].is_first);
}

TEST(AddedTokensTest, NormalizedTokensMatchNormalizedText) {
  auto lowercase = ParseLowercase(Json());
  ASSERT_THAT(lowercase, IsOk());
  ASSERT_OK_AND_ASSIGN(
      const AddedTokens tokens,
      Parse(R"([{"content": "Day", "normalized": true}])", lowercase->get()));
  EXPECT_THAT(Pieces(tokens, "Day"), ElementsAre("Day"));  // raw text
  TextPieces pieces("a day");
  ASSERT_OK(tokens.ExtractNormalized(&pieces));
  ASSERT_EQ(pieces.pieces().size(), 2u);
  EXPECT_EQ(pieces.pieces()[1].token_id, 3);
  EXPECT_EQ(*tokens.TextOf(3), "day");
}

TEST(AddedTokensTest, IdsComeFromTheVocabularyThenCountOn) {
  // Stated ids are checked but not used: the reference numbers them so too.
  ASSERT_OK_AND_ASSIGN(const AddedTokens tokens,
                       Parse(R"([{"id": 9, "content": "x"},
                                 {"id": 2, "content": "<s>", "special": true},
                                 {"id": 7, "content": "y"},
                                 {"content": ""}])"));
  EXPECT_EQ(tokens.Find("x"), 3);
  EXPECT_EQ(tokens.Find("<s>"), 2);
  EXPECT_EQ(tokens.Find("y"), 4);
  EXPECT_EQ(tokens.Find("z"), std::nullopt);
  EXPECT_EQ(tokens.id_limit(), 5);
  EXPECT_TRUE(tokens.IsSpecial(2));
  EXPECT_FALSE(tokens.IsSpecial(3));
  EXPECT_TRUE(tokens.IsSpecialText("<s>"));
}

TEST(AddedTokensTest, MissingListIsEmpty) {
  ASSERT_OK_AND_ASSIGN(const Vocabulary vocabulary, ReadVocabulary(kVocab));
  ASSERT_OK_AND_ASSIGN(const AddedTokens tokens,
                       AddedTokens::Parse(nullptr, vocabulary, nullptr));
  EXPECT_EQ(tokens.id_limit(), 0);
  EXPECT_THAT(Pieces(tokens, "ab"), ElementsAre("ab"));
}

TEST(AddedTokensTest, MalformedTokensAreErrors) {
  const std::pair<const char*, const char*> kBad[] = {
      {"{}", "expected an array"},
      {"[1]", "[0]: \"content\""},
      {R"([{"content": "a"}, {"content": 2}])", "[1]: \"content\""},
      {R"([{"content": "a", "lstrip": "no"}])", "\"lstrip\""},
      {R"([{"content": "a", "id": -1}])", "\"a\": the id is -1"},
      {R"([{"content": "a", "id": 4294967296}])",
       "\"a\": the id is 4294967296"},
  };
  for (const auto& [array, message] : kBad) {
    EXPECT_THAT(Parse(array), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr(message)))
        << array;
  }
}

}  // namespace
}  // namespace ounce
