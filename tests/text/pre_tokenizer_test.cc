#include "text/pre_tokenizer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Words = std::vector<std::string>;

Words Split(PreTokenizerOr (*parse)(const Json&), absl::string_view config,
            absl::string_view text) {
  auto pre_tokenizer = parse(ParseOrDie(config));
  EXPECT_THAT(pre_tokenizer, IsOk());
  return WordsOf(**pre_tokenizer, text);
}

// The first three are examples in the reference's own tests of ByteLevel.
TEST(PreTokenizerTest, ByteLevelCutsAsGpt2Does) {
  EXPECT_THAT(
      Split(&ParseByteLevelPreTokenizer, R"({"add_prefix_space": false})",
            "Hello my friend, how is your day going?"),
      ElementsAre("Hello", "Ġmy", "Ġfriend", ",", "Ġhow", "Ġis", "Ġyour",
                  "Ġday", "Ġgoing", "?"));
}

TEST(PreTokenizerTest, ByteLevelMarksLineBreaksAndExtraSpaces) {
  EXPECT_THAT(
      Split(&ParseByteLevelPreTokenizer, R"({"add_prefix_space": false})",
            "Hello there\nHello there"),
      ElementsAre("Hello", "Ġthere", "Ċ", "Hello", "Ġthere"));
  EXPECT_THAT(Split(&ParseByteLevelPreTokenizer,
                    R"({"add_prefix_space": false})", "Hello there       dear"),
              ElementsAre("Hello", "Ġthere", "ĠĠĠĠĠĠ", "Ġdear"));
}

TEST(PreTokenizerTest, ByteLevelAddsASpaceWhereNoneIs) {
  EXPECT_THAT(Split(&ParseByteLevelPreTokenizer,
                    R"({"add_prefix_space": true, "use_regex": false})", "a b"),
              ElementsAre("ĠaĠb"));
  EXPECT_THAT(Split(&ParseByteLevelPreTokenizer,
                    R"({"add_prefix_space": true, "use_regex": false})", " a"),
              ElementsAre("Ġa"));
}

TEST(PreTokenizerTest, ByteLevelWritesEachByte) {
  // é is C3 A9.
  EXPECT_THAT(
      Split(&ParseByteLevelPreTokenizer, R"({"add_prefix_space": false})", "é"),
      ElementsAre("Ã©"));
}

// From the reference's own tests of Metaspace.
TEST(PreTokenizerTest, MetaspaceStartsEachWord) {
  EXPECT_THAT(Split(&ParseMetaspacePreTokenizer, R"({"replacement": "_"})",
                    "Hey   friend!"),
              ElementsAre("_Hey", "_", "_", "_friend!"));
}

TEST(PreTokenizerTest, MetaspaceWithoutSplitKeepsThePieceWhole) {
  EXPECT_THAT(Split(&ParseMetaspacePreTokenizer,
                    R"({"replacement": "_", "split": false})", "a b"),
              ElementsAre("_a_b"));
}

TEST(PreTokenizerTest, MetaspaceFirstMarksOnlyTheStartOfTheText) {
  auto metaspace = ParseMetaspacePreTokenizer(ParseOrDie(
      R"({"replacement": "_", "prepend_scheme": "first", "split": false})"));
  ASSERT_THAT(metaspace, IsOk());
  TextPieces pieces("ab");
  ASSERT_OK(
      pieces.Rewrite([](const TextPiece& piece, std::vector<TextPiece>* out) {
        out->push_back({piece.text.substr(0, 1), kNoToken, true});
        out->push_back({piece.text.substr(1), kNoToken, false});
        return absl::OkStatus();
      }));
  ASSERT_OK((*metaspace)->Apply(&pieces));
  EXPECT_EQ(pieces.pieces()[0].text, "_a");
  EXPECT_EQ(pieces.pieces()[1].text, "b");
}

TEST(PreTokenizerTest, MetaspaceNeverAddsNothing) {
  for (const char* config :
       {R"({"replacement": "_", "prepend_scheme": "never"})",
        R"({"replacement": "_", "add_prefix_space": false})"}) {
    EXPECT_THAT(Split(&ParseMetaspacePreTokenizer, config, "a b"),
                ElementsAre("a", "_b"))
        << config;
  }
}

TEST(PreTokenizerTest, MetaspaceSettingsMustAgree) {
  const std::pair<const char*, const char*> kBad[] = {
      {R"({"replacement": "_", "add_prefix_space": false,
           "prepend_scheme": "always"})",
       "expected never"},
      {R"({"replacement": "_", "prepend_scheme": "last"})",
       "always, first or never"},
      {R"({"replacement": "__"})", "expected one character"},
      {"{}", "\"replacement\" is missing"},
  };
  for (const auto& [config, message] : kBad) {
    EXPECT_THAT(
        ParseMetaspacePreTokenizer(ParseOrDie(config)),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }
}

TEST(PreTokenizerTest, SplitInvertedCutsBetweenMatches) {
  EXPECT_THAT(Split(&ParseSplit,
                    R"({"pattern": {"Regex": "[a-z]+"}, "behavior": "Removed",
                        "invert": true})",
                    "ab 12cd"),
              ElementsAre("ab", "cd"));
}

TEST(PreTokenizerTest, DigitsStandAloneOrTogether) {
  EXPECT_THAT(Split(&ParseDigits, R"({"individual_digits": true})", "a12b"),
              ElementsAre("a", "1", "2", "b"));
  EXPECT_THAT(Split(&ParseDigits, R"({"individual_digits": false})", "a12b"),
              ElementsAre("a", "12", "b"));
}

// From the reference's own tests of Whitespace.
TEST(PreTokenizerTest, WhitespaceCutsWordsFromSymbols) {
  EXPECT_THAT(Split(&ParseWhitespace, "{}", "Hey man!"),
              ElementsAre("Hey", "man", "!"));
  EXPECT_THAT(Split(&ParseWhitespace, "{}", "How are you doing?!x"),
              ElementsAre("How", "are", "you", "doing", "?!", "x"));
  EXPECT_THAT(Split(&ParseWhitespaceSplit, "{}", " Hey, man!\u3000"),
              ElementsAre("Hey,", "man!"));
}

TEST(PreTokenizerTest, PunctuationIsolatesByDefault) {
  EXPECT_THAT(Split(&ParsePunctuation, "{}", "a+b, c"),
              ElementsAre("a", "+", "b", ",", " c"));
}

TEST(PreTokenizerTest, TokensAreLeftAlone) {
  auto byte_level = ParseByteLevelPreTokenizer(Json());
  ASSERT_THAT(byte_level, IsOk());
  TextPieces pieces("<s>a");
  ASSERT_OK(
      pieces.Rewrite([](const TextPiece& piece, std::vector<TextPiece>* out) {
        out->push_back({piece.text.substr(0, 3), 7, true});
        out->push_back({piece.text.substr(3), kNoToken, false});
        return absl::OkStatus();
      }));
  ASSERT_OK((*byte_level)->Apply(&pieces));
  ASSERT_EQ(pieces.pieces().size(), 2u);
  EXPECT_EQ(pieces.pieces()[0].text, "<s>");
  EXPECT_EQ(pieces.pieces()[1].text, "Ġa");
}

}  // namespace
}  // namespace ounce
