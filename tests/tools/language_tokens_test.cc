#include "tools/language_tokens.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(LanguageTokensTest, KnowsTheFormsThatModelsUse) {
  for (const char* token : {"fr_XX", "en_XX", "zh_CN", "ro_RO", "fra_Latn",
                            "zho_Hans", "__fr__", "__ast__"}) {
    EXPECT_TRUE(IsLanguageToken(token)) << token;
  }
  for (const char* token :
       {"", "_", "fr", "fr_", "_XX", "fr_xx", "FR_XX", "french_XX", "fr_XX_",
        "__fr", "__FR__", "____", "</s>", "a_B1", ">>fra<<"}) {
    EXPECT_FALSE(IsLanguageToken(token)) << token;
  }
}

std::unique_ptr<Tokenizer> WithTokens(absl::string_view added) {
  TokenizerAsset asset;
  asset.kind = TokenizerKind::kTokenizerJson;
  asset.files = {{"tokenizer.json",
                  absl::StrCat(R"({"added_tokens": [)", added, R"(], "model": {
           "type": "WordLevel", "unk_token": "w",
           "vocab": {"w": 0, "de_DE": 1, "fr_XX": 2}}})")}};
  auto tokenizer = Tokenizer::Create(asset);
  EXPECT_THAT(tokenizer, IsOk());
  return std::move(tokenizer).value_or(nullptr);
}

TEST(LanguageTokensTest, FindsALanguageOrListsWhatThereIs) {
  const auto tokenizer = WithTokens(
      R"({"id": 1, "content": "de_DE", "special": true},
         {"id": 2, "content": "fr_XX", "special": true})");
  ASSERT_NE(tokenizer, nullptr);
  ASSERT_OK_AND_ASSIGN(const int32_t french, FindLanguage(*tokenizer, "fr_XX"));
  EXPECT_EQ(french, 2);
  for (const char* other : {"it_IT", "w", ""}) {
    EXPECT_THAT(FindLanguage(*tokenizer, other),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("de_DE, fr_XX")));
  }
}

TEST(LanguageTokensTest, SaysWhenThereIsNone) {
  const auto tokenizer = WithTokens("");
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_THAT(FindLanguage(*tokenizer, "it_IT"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("no tokens for languages")));
}

}  // namespace
}  // namespace ounce
