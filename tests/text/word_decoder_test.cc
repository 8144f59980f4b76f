#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "text/decoder.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

std::string Decoded(const DecoderOr& decoder,
                    const std::vector<std::string>& tokens) {
  EXPECT_THAT(decoder, IsOk());
  return decoder.ok() ? DecodeTokens(**decoder, tokens) : "";
}

TEST(WordDecoderTest, WordPieceJoinsPrefixedTokensToTheWord) {
  const auto decoder = ParseWordPieceDecoder(
      ParseOrDie(R"({"prefix": "##", "cleanup": false})"));
  EXPECT_EQ(Decoded(decoder, {"un", "##aff", "##able", "!", "##"}),
            "unaffable !");
  // The first token keeps its prefix.
  EXPECT_EQ(Decoded(decoder, {"##a", "##b"}), "##ab");
}

TEST(WordDecoderTest, CleanupRunsInTheOrderOfTheRules) {
  const auto decoder = ParseWordPieceDecoder(Json());
  EXPECT_EQ(Decoded(decoder, {"do", "n't", "!", "'s", ".", "x"}),
            "don't!'s. x");
  // Within one token: " do not" becomes " don't".
  EXPECT_EQ(Decoded(decoder, {"I", "do not"}), "I don't");
}

TEST(WordDecoderTest, CtcDropsRepeatsAndPads) {
  // The reference's own example.
  const auto decoder = ParseCtc(Json());
  EXPECT_EQ(Decoded(decoder, {"<pad>", "<pad>", "h", "e", "e", "l", "l",
                              "<pad>", "l", "o", "o", "o", "<pad>"}),
            "hello");
  EXPECT_EQ(Decoded(decoder, {"a", "|", "|", "b", "<pad>", "b"}), "a bb");
}

TEST(WordDecoderTest, CtcWithoutCleanupKeepsTheDelimiter) {
  const auto decoder = ParseCtc(ParseOrDie(
      R"({"pad_token": "_", "word_delimiter_token": "|", "cleanup": false})"));
  EXPECT_EQ(Decoded(decoder, {"a", "_", "|", "b"}), "a|b");
}

TEST(WordDecoderTest, BadSettingsAreErrors) {
  EXPECT_THAT(ParseCtc(ParseOrDie(R"({"pad_token": ""})")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"pad_token\" is empty")));
  EXPECT_THAT(ParseWordPieceDecoder(ParseOrDie(R"({"cleanup": "x"})")),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

}  // namespace
}  // namespace ounce
