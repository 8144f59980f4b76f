#include "text/bpe.h"

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

// The model with these members.
TokenModelOr Parse(absl::string_view members) {
  const std::string text = absl::StrCat("{", members, "}");
  JsonReader reader(text);
  ModelConfig config = ReadModelConfig(&reader);
  OUNCE_RETURN_IF_ERROR(reader.Finish());
  return ParseBpe(std::move(config));
}

std::unique_ptr<TokenModel> MakeBpe(absl::string_view members) {
  auto model = Parse(members);
  EXPECT_THAT(model, IsOk());
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<int32_t> Ids(absl::string_view members, absl::string_view word) {
  const auto model = MakeBpe(members);
  auto ids = EncodeWord(*model, word);
  EXPECT_THAT(ids, IsOk());
  return ids.ok() ? *ids : std::vector<int32_t>();
}

absl::Status ErrorOf(absl::string_view members) {
  return Parse(members).status();
}

TEST(BpeTest, BothSpellingsOfMergesMeanTheSame) {
  const std::string vocab = R"("vocab": {"h":0,"u":1,"g":2,"ug":3,"hug":4}, )";
  const char* kMerges[] = {R"("merges": [["u","g"],["h","ug"]])",
                           R"("merges": ["u g","h ug"])",
                           R"("merges": ["#version: 0.2","u g","h ug"])"};
  for (const char* merges : kMerges) {
    EXPECT_THAT(Ids(vocab + merges, "hug"), ElementsAre(4)) << merges;
    EXPECT_THAT(Ids(vocab + merges, "ughu"), ElementsAre(3, 0, 1)) << merges;
  }
}

// The next two are test_unk_not_fused and test_unk_get_fused of the reference.
TEST(BpeTest, UnknownCharactersStayApartUnlessFused) {
  const std::string model =
      R"("vocab": {"<unk>":0,"a":1,"b":2}, "merges": [], "unk_token": "<unk>")";
  EXPECT_THAT(Ids(model, "c"), ElementsAre(0));
  EXPECT_THAT(Ids(model, "cc"), ElementsAre(0, 0));
  EXPECT_THAT(Ids(model, "accb"), ElementsAre(1, 0, 0, 2));
}

TEST(BpeTest, FusedUnknownCharactersShareOneToken) {
  const std::string model =
      R"("vocab": {"<unk>":0,"a":1,"b":2}, "merges": [], "unk_token": "<unk>",
         "fuse_unk": true)";
  EXPECT_THAT(Ids(model, "cc"), ElementsAre(0));
  EXPECT_THAT(Ids(model, "accb"), ElementsAre(1, 0, 2));
}

TEST(BpeTest, ByteFallbackNeedsEveryByteOfTheCharacter) {
  // é is C3 A9; ê is C3 AA, whose second byte has no token.
  const std::string model =
      R"("vocab": {"<unk>":0,"<0xC3>":1,"<0xA9>":2}, "merges": [],
         "unk_token": "<unk>", "byte_fallback": true)";
  EXPECT_THAT(Ids(model, "é"), ElementsAre(1, 2));
  EXPECT_THAT(Ids(model, "ê"), ElementsAre(0));
}

TEST(BpeTest, FallbackBytesOvertakeAPendingUnknownToken) {
  // As the reference does: the unknown token is added when a known character
  // or the end of the word comes.
  const std::string model =
      R"("vocab": {"<unk>":0,"<0x61>":1}, "merges": [],
         "unk_token": "<unk>", "byte_fallback": true)";
  EXPECT_THAT(Ids(model, "xa"), ElementsAre(1, 0));
}

// test_ignore_merges of the reference.
TEST(BpeTest, IgnoreMergesTakesWholeWordsFromTheVocabulary) {
  const std::string model =
      R"("vocab": {".:.:":0,".":1,":":2,".:":3}, "merges": [[".",":"]])";
  EXPECT_THAT(Ids(model, ".:.:"), ElementsAre(3, 3));
  EXPECT_THAT(Ids(model + R"(, "ignore_merges": true)", ".:.:"),
              ElementsAre(0));
}

// test_bpe_with_continuing_subword_prefix of the reference.
TEST(BpeTest, ContinuingPrefixMarksAllButTheFirstCharacter) {
  const std::string model =
      R"("vocab": {"a":0,"##b":1,"##c":2,"ab":3,"abc":4},
         "merges": [["a","##b"],["ab","##c"]],
         "continuing_subword_prefix": "##")";
  EXPECT_THAT(Ids(model, "ab"), ElementsAre(3));
  EXPECT_THAT(Ids(model, "abc"), ElementsAre(4));
}

TEST(BpeTest, EndOfWordSuffixMarksTheLastCharacter) {
  const std::string model =
      R"("vocab": {"a":0,"a</w>":1,"b":2,"b</w>":3,"ab</w>":4},
         "merges": [["a","b</w>"]], "end_of_word_suffix": "</w>")";
  EXPECT_THAT(Ids(model, "a"), ElementsAre(1));
  EXPECT_THAT(Ids(model, "aab"), ElementsAre(0, 4));
}

TEST(BpeTest, EmptyAffixesAreNone) {
  EXPECT_THAT(
      Ids(R"("vocab": {"a":0,"b":1}, "merges": [], "end_of_word_suffix": "",
             "continuing_subword_prefix": "", "dropout": 0.0)",
          "ab"),
      ElementsAre(0, 1));
}

TEST(BpeTest, RepeatedWordsGiveTheSameIds) {
  const auto model = MakeBpe(R"("vocab": {"a":0,"aa":1}, "merges": ["a a"])");
  const auto encoder = model->NewEncoder();
  std::vector<int32_t> ids;
  const std::string words = "aaa";
  ASSERT_OK(encoder->Encode(words, &ids));
  ASSERT_OK(encoder->Encode(absl::string_view(words).substr(1), &ids));
  ASSERT_OK(encoder->Encode(words, &ids));
  EXPECT_THAT(ids, ElementsAre(1, 0, 1, 1, 0));
}

TEST(BpeTest, MarkedWordsAreIndependentWhenNoMergeCrossesTheMark) {
  // ▁ ▁ merge within a run of marks, and ▁+a at the start of a word.
  const std::string model =
      "\"vocab\": {\"\u2581\":0,\"a\":1,\"\u2581\u2581\":2,\"\u2581a\":3},"
      "\"merges\": [[\"\u2581\",\"\u2581\"],[\"\u2581\",\"a\"]]";
  EXPECT_THAT(Ids(model, "\u2581\u2581\u2581a\u2581a"), ElementsAre(2, 3, 3));
}

TEST(BpeTest, MergesAcrossTheMarkAreFound) {
  const std::string model =
      "\"vocab\": {\"\u2581\":0,\"a\":1,\"a\u2581\":2},"
      "\"merges\": [[\"a\",\"\u2581\"]]";
  EXPECT_THAT(Ids(model, "\u2581a\u2581a"), ElementsAre(0, 2, 1));
}

TEST(BpeTest, UnknownCharacterWithoutUnknownTokenIsDropped) {
  // As tokenizers 0.23 does: "aéa" gives the two ids of "a".
  EXPECT_THAT(Ids(R"("vocab": {"a":0}, "merges": [])", "aéa"),
              ElementsAre(0, 0));
}

TEST(BpeTest, UnknownTokenOutsideTheVocabularyIsAnError) {
  const auto lacking =
      MakeBpe(R"("vocab": {"a":0}, "merges": [], "unk_token": "<unk>")");
  EXPECT_THAT(EncodeWord(*lacking, "b"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("lacks the unknown token \"<unk>\"")));
}

TEST(BpeTest, MergesMustNameKnownTokens) {
  const std::string vocab = R"("vocab": {"a":0,"b":1}, )";
  EXPECT_THAT(ErrorOf(vocab + R"("merges": [["a","c"]])"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"merges\"[0] needs \"c\"")));
  EXPECT_THAT(
      ErrorOf(vocab + R"("merges": [["a","b"]])"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs \"ab\"")));
}

TEST(BpeTest, MalformedMergesAreErrors) {
  for (const char* merges :
       {R"(["ab"])", R"(["a b c"])", R"([["a"]])", R"([["a","b","c"]])",
        R"([["a",1]])", "[1]", "{}", "null", "\"a b\""}) {
    EXPECT_THAT(
        ErrorOf(absl::StrCat(R"("vocab": {"a":0}, "merges": )", merges)),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"merges\"")))
        << merges;
  }
}

TEST(BpeTest, MergeShorterThanThePrefixIsAnError) {
  EXPECT_THAT(ErrorOf(R"("vocab": {"a":0,"b":1}, "merges": [["a","b"]],
                         "continuing_subword_prefix": "####")"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("shorter than the prefix")));
}

TEST(BpeTest, SettingsOfWrongTypeAreErrors) {
  for (const char* setting :
       {R"("fuse_unk": 1)", R"("byte_fallback": "yes")", R"("unk_token": 0)",
        R"("ignore_merges": [])", R"("end_of_word_suffix": 3)",
        R"("dropout": "0")"}) {
    EXPECT_THAT(
        ErrorOf(absl::StrCat(R"("vocab": {}, "merges": [], )", setting)),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("type")))
        << setting;
  }
}

TEST(BpeTest, DropoutIsNotSupported) {
  EXPECT_THAT(ErrorOf(R"("vocab": {}, "merges": [], "dropout": 0.1)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("\"dropout\" is 0.1")));
}

}  // namespace
}  // namespace ounce
