#include "text/loader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kModel[] =
    R"("model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []})";

absl::Status ErrorWith(absl::string_view members) {
  return LoadWith(absl::StrCat(kModel, ", ", members)).status();
}

TEST(LoaderTest, LeavesOutStepsThatAreMissingOrNull) {
  for (const char* members :
       {"", R"(, "normalizer": null, "pre_tokenizer": null, "decoder": null,
              "post_processor": null, "added_tokens": [], "truncation": null)"}) {
    auto tokenizer = LoadWith(absl::StrCat(kModel, members));
    ASSERT_THAT(tokenizer, IsOk());
    ASSERT_OK_AND_ASSIGN(const auto ids, (*tokenizer)->Encode("ab", true));
    EXPECT_THAT(ids, ElementsAre(0, 1));
    EXPECT_EQ((*tokenizer)->Decode(ids, true), "a b");
  }
}

TEST(LoaderTest, ModelWithoutTypeButWithMergesIsBpe) {
  auto tokenizer = LoadWith(R"("model": {"vocab": {"a": 0}, "merges": []})");
  ASSERT_THAT(tokenizer, IsOk());
}

TEST(LoaderTest, TruncationAndPaddingAreReadButNotApplied) {
  auto tokenizer = LoadWith(
      absl::StrCat(kModel, R"(, "truncation": {"max_length": 1, "stride": 0,
                                  "strategy": "LongestFirst"})"));
  ASSERT_THAT(tokenizer, IsOk());
  ASSERT_OK_AND_ASSIGN(const auto ids, (*tokenizer)->Encode("aab", true));
  EXPECT_EQ(ids.size(), 3u);
  EXPECT_EQ((*tokenizer)->batch_settings().truncation->max_length, 1);
  EXPECT_THAT(ErrorWith(R"("padding": {"x": 1})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tokenizer.json: padding: \"strategy\"")));
}

TEST(LoaderTest, ModelsWithoutATypeAreToldByWhatTheyHave) {
  for (const char* model : {R"({"vocab": {"a": 0}, "merges": []})",
                            R"({"vocab": {"a": 0}, "unk_token": "a",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100})",
                            R"({"vocab": {"a": 0}, "unk_token": "a"})",
                            R"({"vocab": [["a", 0]], "unk_id": 0})"}) {
    auto tokenizer = LoadWith(absl::StrCat("\"model\": ", model));
    ASSERT_THAT(tokenizer, IsOk()) << model;
    ASSERT_OK_AND_ASSIGN(const auto ids, (*tokenizer)->Encode("a", true));
    EXPECT_EQ(ids, std::vector<int32_t>({0})) << model;
  }
  EXPECT_THAT(LoadWith(R"("model": {"vocab": {"a": 0}})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("type")));
}

TEST(LoaderTest, UnknownTypesNameTheStepAndWhatThereIs) {
  EXPECT_THAT(ErrorWith(R"("normalizer": {"type": "Punycode"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("tokenizer.json: normalizer: type "
                                       "\"Punycode\" is not supported"),
                             HasSubstr("NFKC, NFKD, Nmt, Precompiled"))));
  EXPECT_THAT(ErrorWith(R"("pre_tokenizer": {"type": "X"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("pre_tokenizer: type \"X\"")));
  EXPECT_THAT(ErrorWith(R"("decoder": {"type": "RNNT"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("decoder: type \"RNNT\"")));
  EXPECT_THAT(ErrorWith(R"("post_processor": {"type": "X"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("TemplateProcessing, Sequence")));
  EXPECT_THAT(LoadWith(R"("model": {"type": "Other"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("model: type \"Other\"")));
  EXPECT_THAT(LoadWith(R"("model": {"type": "Sequence"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("model: type \"Sequence\"")));
}

TEST(LoaderTest, ErrorsLeadToTheComponent) {
  EXPECT_THAT(
      ErrorWith(R"("decoder": {"type": "Sequence", "decoders": [
          {"type": "Fuse"}, {"type": "Sequence", "decoders": [
          {"type": "Strip", "content": "xy"}]}]})"),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("tokenizer.json: decoder: Sequence[1]: Sequence[0]: "
                         "Strip: \"content\"")));
  EXPECT_THAT(ErrorWith(R"("pre_tokenizer": {"type": "Split", "behavior":
                           "Isolated", "pattern": {"Regex": "("}})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("pre_tokenizer: Split: regular expression")));
  EXPECT_THAT(ErrorWith(R"("added_tokens": [{"content": 1}])"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"added_tokens\"[0]: \"content\"")));
}

TEST(LoaderTest, WrongJsonTypesAreErrors) {
  for (const char* members :
       {R"("normalizer": [])", R"("normalizer": "NFC")",
        R"("normalizer": {"type": 3})", R"("decoder": 1)",
        R"("pre_tokenizer": {})", R"("added_tokens": {})",
        R"("post_processor": {"type": "Sequence"})",
        R"("normalizer": {"type": "Sequence", "normalizers": {}})"}) {
    EXPECT_THAT(ErrorWith(members), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("tokenizer.json")))
        << members;
  }
  for (const char* file :
       {"", "[]", "3", "{", "{}", R"({"model": []})", R"({"model": {}})",
        R"({"model": null})", R"({"model": {"type": "BPE"}})"}) {
    EXPECT_THAT(ParseTokenizerJson(file),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("tokenizer.json")))
        << file;
  }
}

TEST(LoaderTest, NewerVersionsAreRefused) {
  EXPECT_THAT(ParseTokenizerJson(R"({"version": "2.0"})"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("\"version\" is \"2.0\"")));
}

TEST(LoaderTest, NestedSequencesAreBounded) {
  std::string normalizer = R"({"type": "NFC"})";
  for (int i = 0; i < 12; ++i) {
    normalizer = absl::StrCat(R"({"type": "Sequence", "normalizers": [)",
                              normalizer, "]}");
  }
  EXPECT_THAT(ErrorWith(absl::StrCat("\"normalizer\": ", normalizer)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("nested deeper than 8")));
}

TEST(LoaderTest, DeepJsonIsRefused) {
  EXPECT_THAT(
      ParseTokenizerJson(absl::StrCat("{\"x\": ", std::string(1000000, '['),
                                      std::string(1000000, ']'), "}")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nested")));
}

TEST(LoaderTest, AssetWithoutTokenizerSaysWhatIsMissing) {
  EXPECT_THAT(Tokenizer::Create(TokenizerAsset{}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("ships no tokenizer")));
  TokenizerAsset asset;
  asset.kind = TokenizerKind::kTokenizerJson;
  asset.files = {{"tokenizer_config.json", "{}"}};
  EXPECT_THAT(Tokenizer::Create(asset),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no file tokenizer.json")));
  asset.files.push_back({"tokenizer.json", absl::StrCat("{", kModel, "}")});
  EXPECT_THAT(Tokenizer::Create(asset), IsOk());
}

}  // namespace
}  // namespace ounce
