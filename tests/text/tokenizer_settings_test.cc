#include "text/tokenizer_settings.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/tokenizer_files_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr RoleDefaults kRoles = {
    {"<s>", "</s>", "<unk>", "</s>", nullptr, "<s>", "<mask>"},
    /*mask_takes_space=*/true};

std::vector<std::string> ContentsOf(const std::vector<AddedToken>& tokens) {
  std::vector<std::string> contents;
  for (const AddedToken& token : tokens) contents.push_back(token.content);
  return contents;
}

TEST(TokenizerSettingsTest, TokenizerConfigNamesTheClass) {
  EXPECT_EQ(SettingsOf({{"tokenizer_config.json",
                         R"({"tokenizer_class": "BertTokenizerFast"})"},
                        {"config.json", R"({"model_type": "gpt2"})"}})
                .class_name(),
            "BertTokenizer");
}

TEST(TokenizerSettingsTest, TheModelsConfigStandsInForIt) {
  EXPECT_EQ(SettingsOf({{"tokenizer_config.json",
                         R"({"tokenizer_class": "PreTrainedTokenizerFast"})"},
                        {"config.json",
                         R"({"tokenizer_class": "BartTokenizer",
                             "model_type": "gpt2"})"}})
                .class_name(),
            "BartTokenizer");
  EXPECT_EQ(
      SettingsOf({{"config.json", R"({"model_type": "opt"})"}}).class_name(),
      "GPT2Tokenizer");
  EXPECT_EQ(SettingsOf({{"config.json", R"({"model_type": "no such"})"}})
                .class_name(),
            "");
  EXPECT_EQ(SettingsOf({}).class_name(), "");
}

TEST(TokenizerSettingsTest, AClassDefaultsItsSpecialTokens) {
  const TokenizerSettings settings = SettingsOf({});
  EXPECT_THAT(ContentsOf(settings.TokensToAdd(kRoles)),
              ElementsAre("<s>", "</s>", "<unk>", "<mask>"));
  EXPECT_EQ(settings.TokenIn(Role::kPad, kRoles), std::nullopt);
  const AddedToken mask = *settings.TokenIn(Role::kMask, kRoles);
  EXPECT_TRUE(mask.lstrip);
  EXPECT_TRUE(mask.special);
  EXPECT_FALSE(mask.normalized);
  EXPECT_FALSE(settings.TokenIn(Role::kBos, kRoles)->lstrip);
}

TEST(TokenizerSettingsTest, FilesChangeSpecialTokensAndTakeThemAway) {
  const TokenizerSettings settings = SettingsOf(
      {{"tokenizer_config.json",
        R"({"bos_token": "<b>", "cls_token": null, "pad_token": "<p>",
            "mask_token": {"content": "<mask>", "lstrip": false}})"},
       // The older file wins over the config that lacks the newer list.
       {"special_tokens_map.json",
        R"({"pad_token": {"content": "<pad>", "rstrip": true},
            "additional_special_tokens": ["<x>", "<b>", "<x>"]})"}});
  EXPECT_EQ(settings.TokenIn(Role::kBos, kRoles)->content, "<b>");
  EXPECT_EQ(settings.TokenIn(Role::kCls, kRoles), std::nullopt);
  EXPECT_EQ(settings.TokenIn(Role::kPad, kRoles)->content, "<pad>");
  EXPECT_TRUE(settings.TokenIn(Role::kPad, kRoles)->rstrip);
  EXPECT_TRUE(settings.TokenIn(Role::kPad, kRoles)->special);
  EXPECT_FALSE(settings.TokenIn(Role::kMask, kRoles)->lstrip);
  EXPECT_THAT(ContentsOf(settings.TokensToAdd(kRoles)),
              ElementsAre("<b>", "</s>", "<unk>", "<pad>", "<mask>", "<x>"));
}

TEST(TokenizerSettingsTest, AddedTokensComeFirstInTheOrderOfTheirIds) {
  const TokenizerSettings settings =
      SettingsOf({{"tokenizer_config.json",
                   R"({"added_tokens_decoder": {
              "12": {"content": "<c>", "special": false, "normalized": true},
              "9": {"content": "</s>", "lstrip": true},
              "100": {"content": "<a>", "special": true}},
            "bos_token": "<s>"})"},
                  {"special_tokens_map.json", R"({"bos_token": "<ignored>"})"},
                  {"added_tokens.json", R"({"<ignored>": 1})"}});
  const std::vector<AddedToken> tokens = settings.TokensToAdd(kRoles);
  EXPECT_THAT(ContentsOf(tokens),
              ElementsAre("</s>", "<c>", "<a>", "<s>", "<unk>", "<mask>"));
  // The class names it special, the list says how it is looked for.
  EXPECT_TRUE(tokens[0].special);
  EXPECT_TRUE(tokens[0].lstrip);
  EXPECT_FALSE(tokens[1].special);
  EXPECT_TRUE(tokens[1].normalized);
  EXPECT_EQ(settings.added().begin()->first, 9);
}

TEST(TokenizerSettingsTest, TheOlderListKnowsSpecialTokensFromTheFiles) {
  const TokenizerSettings settings =
      SettingsOf({{"special_tokens_map.json", R"({"eos_token": "<e>"})"},
                  {"added_tokens.json", R"({"<e>": 11, "word": 10})"}});
  const std::vector<AddedToken> tokens = settings.TokensToAdd({});
  EXPECT_THAT(ContentsOf(tokens), ElementsAre("word", "<e>"));
  EXPECT_FALSE(tokens[0].special);
  EXPECT_TRUE(tokens[0].normalized);
  EXPECT_TRUE(tokens[1].special);
  EXPECT_FALSE(tokens[1].normalized);
}

TEST(TokenizerSettingsTest, ReadsVersionFivesNamesOfExtraTokens) {
  EXPECT_EQ(ContentsOf(SettingsOf({{"tokenizer_config.json",
                                    R"({"extra_special_tokens": ["<x>"]})"}})
                           .extra()),
            std::vector<std::string>{"<x>"});
  EXPECT_EQ(
      ContentsOf(SettingsOf({{"tokenizer_config.json",
                              R"({"extra_special_tokens": {"i": "<y>"}})"}})
                     .extra()),
      std::vector<std::string>{"<y>"});
}

TEST(TokenizerSettingsTest, GivesOptionsWithTheirDefaults) {
  const TokenizerSettings settings = SettingsOf(
      {{"tokenizer_config.json", R"({"a": true, "b": null, "c": 1})"}});
  EXPECT_TRUE(*settings.Flag("a", false));
  EXPECT_TRUE(*settings.Flag("b", true));
  EXPECT_FALSE(*settings.Flag("missing", false));
  EXPECT_THAT(settings.Flag("c", false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"c\"")));
}

TEST(TokenizerSettingsTest, NamesTheFileAndThePlaceOfAnError) {
  const auto error = [](const char* name, const char* text) {
    return TokenizerSettings::Read(
               AssetOf(TokenizerKind::kNone, {{name, text}}))
        .status();
  };
  constexpr auto kCode = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(error("config.json", "{"),
              StatusIs(kCode, HasSubstr("config.json: ")));
  EXPECT_THAT(error("added_tokens.json", "[]"),
              StatusIs(kCode, HasSubstr("added_tokens.json: is of type array; "
                                        "expected an object")));
  EXPECT_THAT(
      error("added_tokens.json", R"({"x": -1})"),
      StatusIs(kCode, HasSubstr("added_tokens.json: \"x\": the id is -1")));
  EXPECT_THAT(
      error("tokenizer_config.json", R"({"pad_token": 1})"),
      StatusIs(kCode, HasSubstr("tokenizer_config.json: \"pad_token\"")));
  EXPECT_THAT(
      error("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {}}})"),
      StatusIs(kCode,
               HasSubstr("\"added_tokens_decoder\": has the key \"x\"")));
  EXPECT_THAT(error("tokenizer_config.json", R"({"tokenizer_class": 1})"),
              StatusIs(kCode, HasSubstr("\"tokenizer_class\"")));
}

}  // namespace
}  // namespace ounce
