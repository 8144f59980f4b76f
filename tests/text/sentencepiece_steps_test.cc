#include "text/sentencepiece_steps.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

Json StepsOf(const SentencePieceModel& model, const SentencePieceFamily& family,
             const NamedFiles& files) {
  Json::Object members;
  EXPECT_OK(AddSentencePieceSteps(model, family, SettingsOf(files), &members));
  return Json(std::move(members));
}

Json StepsOf(absl::string_view tokenizer_class, absl::string_view config = "") {
  const auto family = FindSentencePieceFamily(tokenizer_class);
  EXPECT_THAT(family, IsOk());
  return StepsOf(SentencePieceModel(), *family,
                 {{"tokenizer_config.json", absl::StrCat("{", config, "}")}});
}

// The types of a step's parts in order.
std::string TypesOf(const Json& steps, const char* step) {
  const Json* const sequence = steps.Find(step);
  if (sequence == nullptr) return "none";
  for (const char* key : {"normalizers", "pretokenizers", "decoders"}) {
    const Json* const parts = sequence->Find(key);
    if (parts == nullptr) continue;
    std::string types;
    for (const Json& part : *parts->AsArray()) {
      absl::StrAppend(&types, types.empty() ? "" : " ",
                      *part.Find("type")->AsString());
    }
    return types;
  }
  return *sequence->Find("type")->AsString();
}

TEST(SentencePieceStepsTest, LegacyLlamaPutsTheSpaceIntoTheText) {
  const Json steps = StepsOf("LlamaTokenizer");
  EXPECT_EQ(TypesOf(steps, "normalizer"), "Prepend Replace");
  EXPECT_EQ(TypesOf(steps, "pre_tokenizer"), "none");
  EXPECT_EQ(TypesOf(steps, "decoder"), "Replace ByteFallback Fuse Strip");
}

TEST(SentencePieceStepsTest, NewerLlamaPutsItBeforeTheFirstWordOnly) {
  const Json steps = StepsOf("LlamaTokenizer", R"("legacy": false)");
  EXPECT_EQ(TypesOf(steps, "normalizer"), "none");
  EXPECT_THAT(steps.Find("pre_tokenizer")->Dump(),
              HasSubstr(R"("prepend_scheme":"first","split":false)"));
}

TEST(SentencePieceStepsTest, LlamaCanDoWithoutTheSpace) {
  const Json steps = StepsOf("LlamaTokenizer", R"("add_prefix_space": false)");
  EXPECT_EQ(TypesOf(steps, "normalizer"), "Replace");
  EXPECT_EQ(TypesOf(steps, "decoder"), "Replace ByteFallback Fuse");
  EXPECT_THAT(
      StepsOf("LlamaTokenizer", R"("add_prefix_space": false, "legacy": false)")
          .Find("pre_tokenizer")
          ->Dump(),
      HasSubstr(R"("prepend_scheme":"never")"));
}

TEST(SentencePieceStepsTest, EachClassHasItsSteps) {
  EXPECT_EQ(TypesOf(StepsOf("GemmaTokenizer"), "normalizer"), "Replace");
  EXPECT_EQ(TypesOf(StepsOf("T5Tokenizer"), "normalizer"), "Strip Replace");
  EXPECT_EQ(TypesOf(StepsOf("T5Tokenizer"), "pre_tokenizer"), "Metaspace");
  EXPECT_EQ(TypesOf(StepsOf("AlbertTokenizer"), "normalizer"),
            "Replace Replace NFKD StripAccents Lowercase Replace");
  EXPECT_EQ(TypesOf(StepsOf("AlbertTokenizer", R"("keep_accents": true,
                                                  "do_lower_case": false)"),
                    "normalizer"),
            "Replace Replace Replace");
  EXPECT_EQ(TypesOf(StepsOf("RemBertTokenizer"), "normalizer"),
            "Replace Replace Replace NFKD StripAccents Lowercase");
  EXPECT_EQ(TypesOf(StepsOf("DebertaV2Tokenizer"), "normalizer"),
            "Strip Replace");
  EXPECT_EQ(TypesOf(StepsOf("DebertaV2Tokenizer", R"("split_by_punct": true)"),
                    "pre_tokenizer"),
            "Punctuation Metaspace");
  EXPECT_EQ(TypesOf(StepsOf("PegasusTokenizer"), "pre_tokenizer"),
            "WhitespaceSplit Metaspace");
}

TEST(SentencePieceStepsTest, TheCharacterMapGoesBeforeWhatTheClassDoes) {
  SentencePieceModel model;
  model.charsmap = "map";
  ASSERT_OK_AND_ASSIGN(const auto family,
                       FindSentencePieceFamily("T5Tokenizer"));
  const Json steps = StepsOf(model, family, {});
  EXPECT_EQ(TypesOf(steps, "normalizer"), "Precompiled Strip Replace");
  // Base64 of "map".
  EXPECT_THAT(steps.Dump(), HasSubstr(R"("precompiled_charsmap":"bWFw")"));
}

TEST(SentencePieceStepsTest, WithoutAClassTheModelSaysWhatToDo) {
  SentencePieceModel model;
  EXPECT_EQ(
      TypesOf(StepsOf(model, PlainSentencePieceFamily(), {}), "normalizer"),
      "Replace Replace Prepend Replace");
  model.remove_extra_whitespaces = false;
  model.add_dummy_prefix = false;
  EXPECT_EQ(
      TypesOf(StepsOf(model, PlainSentencePieceFamily(), {}), "normalizer"),
      "Replace");
  model.escape_whitespaces = false;
  EXPECT_EQ(
      TypesOf(StepsOf(model, PlainSentencePieceFamily(), {}), "normalizer"),
      "none");
}

}  // namespace
}  // namespace ounce
