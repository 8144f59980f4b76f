// Oracle: transformers' apply_chat_template() as documented, worked by hand.
#include "text/chat_template.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TokenizerAsset AssetOf(std::vector<TokenizerAsset::File> files) {
  TokenizerAsset asset;
  asset.kind = TokenizerKind::kTokenizerJson;
  asset.files = std::move(files);
  return asset;
}

std::string Rendered(const TokenizerAsset& asset, absl::string_view name = "",
                     bool with_tools = false) {
  const auto chosen = ChatTemplate::Create(asset, name, with_tools);
  EXPECT_THAT(chosen, IsOk());
  if (!chosen.ok()) return "";
  const auto text =
      chosen->Render(ParseOrDie(R"([{"role": "user", "content": "Hi"}])"));
  EXPECT_THAT(text, IsOk());
  return text.value_or("");
}

constexpr char kConfig[] = R"json({
  "bos_token": "<s>",
  "eos_token": {"content": "</s>", "lstrip": false},
  "pad_token": null,
  "add_bos_token": true,
  "chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"
})json";

TEST(ChatTemplateTest, SpecialTokensAreStringsOrObjects) {
  const TokenizerAsset asset = AssetOf({{"tokenizer_config.json", kConfig}});
  EXPECT_EQ(Rendered(asset), "<s>Hi</s>");
  EXPECT_EQ(ChatTemplate::Create(asset)->eos_token(), "</s>");
}

TEST(ChatTemplateTest, TheConfigsTokensWinOverTheMaps) {
  EXPECT_EQ(Rendered(AssetOf(
                {{"tokenizer_config.json", kConfig},
                 {"special_tokens_map.json",
                  R"({"bos_token": "no", "unk_token": "<unk>"})"},
                 {"chat_template.jinja", "{{ bos_token ~ unk_token }}"}})),
            "<s><unk>");
}

TEST(ChatTemplateTest, TheJinjaFileWinsOverTheConfigAndThatOverTheJson) {
  std::vector<TokenizerAsset::File> files = {
      {"chat_template.json", R"({"chat_template": "json"})"}};
  EXPECT_EQ(Rendered(AssetOf(files)), "json");
  files.push_back({"tokenizer_config.json", R"({"chat_template": "config"})"});
  EXPECT_EQ(Rendered(AssetOf(files)), "config");
  files.push_back({"chat_template.jinja", "jinja"});
  EXPECT_EQ(Rendered(AssetOf(files)), "jinja");
}

constexpr char kList[] = R"json({"chat_template": [
  {"name": "default", "template": "plain"},
  {"name": "tool_use", "template": "tools"},
  {"name": "rag", "template": "documents"}]})json";

TEST(ChatTemplateTest, OfSeveralTheDefaultIsTakenUnlessThereAreTools) {
  const TokenizerAsset asset =
      AssetOf({{"tokenizer_config.json", kList},
               {"additional_chat_templates/more.jinja", "more"}});
  EXPECT_EQ(Rendered(asset), "plain");
  EXPECT_EQ(Rendered(asset, "", true), "tools");
  EXPECT_EQ(Rendered(asset, "rag", true), "documents");
  EXPECT_EQ(Rendered(asset, "more"), "more");
  EXPECT_THAT(*ChatTemplate::Names(asset),
              ElementsAre("default", "tool_use", "rag", "more"));
}

TEST(ChatTemplateTest, SaysWhichNamesThereAre) {
  const auto chosen = ChatTemplate::Create(
      AssetOf({{"tokenizer_config.json", kList}}), "nonesuch");
  EXPECT_THAT(std::string(chosen.status().message()),
              HasSubstr("\"nonesuch\"; it has \"default\", \"tool_use\", "
                        "\"rag\""));
}

TEST(ChatTemplateTest, AModelWithoutATemplateSaysWhatToDo) {
  const auto chosen = ChatTemplate::Create(
      AssetOf({{"tokenizer_config.json", R"({"chat_template": null})"}}));
  EXPECT_EQ(chosen.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(chosen.status().message()),
              HasSubstr("--chat-template FILE.jinja"));
}

TEST(ChatTemplateTest, BrokenFilesAreNamed) {
  const char* const broken[][2] = {
      {"tokenizer_config.json", "{"},
      {"tokenizer_config.json", R"({"chat_template": 1})"},
      {"tokenizer_config.json", R"({"chat_template": [{"name": "a"}]})"},
      {"special_tokens_map.json", "["}};
  for (const auto& [name, bytes] : broken) {
    std::vector<TokenizerAsset::File> files = {{name, bytes}};
    if (std::string(name) != "tokenizer_config.json") {
      files.push_back({"chat_template.jinja", "x"});
    }
    const auto chosen = ChatTemplate::Create(AssetOf(files));
    EXPECT_THAT(std::string(chosen.status().message()), HasSubstr(name))
        << bytes;
  }
}

TEST(ChatTemplateTest, ToolsAreNoneAndNotUndefinedWhenThereAreNone) {
  EXPECT_EQ(Rendered(AssetOf({{"chat_template.jinja",
                               "{{ tools is defined }} {{ tools }} "
                               "{{ documents }} {{ add_generation_prompt }} "
                               "{{ enable_thinking is defined }}"}})),
            "True None None True False");
}

TEST(ChatTemplateTest, VariablesOfTheCallerWin) {
  const auto chosen =
      ChatTemplate::Parse("{{ eos_token }}{{ thinking }}",
                          AssetOf({{"tokenizer_config.json", kConfig}}));
  ChatOptions options;
  options.variables = {{"eos_token", "<end>"}, {"thinking", false}};
  EXPECT_EQ(*chosen->Render(Json::Array(), options), "<end>False");
}

TEST(ChatTemplateTest, MessagesMustBeAListOfObjectsWithRoles) {
  const auto chosen = ChatTemplate::Parse("x", TokenizerAsset());
  for (const char* messages :
       {"{}", "\"x\"", "[1]", "[{}]", "[{\"role\": 1}]"}) {
    EXPECT_EQ(chosen->Render(ParseOrDie(messages)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << messages;
  }
}

}  // namespace
}  // namespace ounce
