#include "tools/chat.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tools/command.h"

namespace ounce {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Ids are the bytes of the text; "#" is a token of its own name.
class ByteTokenizer : public Tokenizer {
 public:
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text,
                                              bool special) const override {
    std::vector<int32_t> ids;
    if (special) ids.push_back(1000);
    for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
    return ids;
  }
  std::string Decode(absl::Span<const int32_t> ids, bool) const override {
    return std::string(ids.begin(), ids.end());
  }
  int64_t vocab_size() const override { return 256; }
  std::optional<int32_t> TokenToId(absl::string_view token) const override {
    return token == "#" ? std::optional<int32_t>('#') : std::nullopt;
  }
  bool IsSpecial(int32_t) const override { return false; }
};

class ChatTest : public testing::Test {
 protected:
  ChatTest() {
    asset_.kind = TokenizerKind::kTokenizerJson;
    asset_.files = {
        {"tokenizer_config.json", R"json({"eos_token": "#", "chat_template":
          "{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}{{ 'tools' if tools }}{{ mode }}"})json"}};
  }

  absl::StatusOr<Conversation> Create() {
    return Conversation::Create(asset_, "M", tokenizer_, arguments_);
  }

  TempFolder folder_;
  const ByteTokenizer tokenizer_;
  TokenizerAsset asset_;
  ChatArguments arguments_;
};

TEST_F(ChatTest, GrowsTurnByTurnAndGoesBackToItsStart) {
  arguments_.system = "S";
  ASSERT_OK_AND_ASSIGN(Conversation conversation, Create());
  EXPECT_FALSE(conversation.awaits_answer());
  conversation.AddUser("a");
  EXPECT_TRUE(conversation.awaits_answer());
  conversation.AddAssistant("b");
  EXPECT_FALSE(conversation.awaits_answer());
  EXPECT_EQ(*conversation.Render(), "s:S;u:a;a:b;");
  conversation.DropLast();
  EXPECT_EQ(*conversation.Render(), "s:S;u:a;");
  conversation.Reset();
  EXPECT_EQ(*conversation.Render(), "s:S;");
}

TEST_F(ChatTest, AFileIsAListOrAnObjectWithTools) {
  arguments_.file = folder_.Path("chat.json");
  folder_.Write("chat.json", R"([{"role": "user", "content": "x"}])");
  EXPECT_EQ(*Create()->Render(), "u:x;");
  folder_.Write("chat.json", R"({"messages": [{"role": "user", "content": "x"}],
                                 "tools": [{}]})");
  EXPECT_EQ(*Create()->Render(), "u:x;tools");
  for (const char* bytes : {"[", "1", "{}", R"({"messages": {}})"}) {
    folder_.Write("chat.json", bytes);
    EXPECT_THAT(std::string(Create().status().message()),
                HasSubstr("chat.json"))
        << bytes;
  }
}

TEST_F(ChatTest, VariablesAreJsonWhereTheyCanBe) {
  arguments_.variables = {"mode=[1, true]"};
  EXPECT_EQ(*Create()->Render(), "[1, True]");
  arguments_.variables = {"mode=a=b"};
  EXPECT_EQ(*Create()->Render(), "a=b");
  arguments_.variables = {"mode"};
  EXPECT_TRUE(IsUsageError(Create().status()));
}

TEST_F(ChatTest, ATemplateComesFromAFileOrByName) {
  folder_.Write("mine.jinja", "mine");
  arguments_.chat_template = folder_.Path("mine.jinja");
  EXPECT_EQ(*Create()->Render(), "mine");
  arguments_.chat_template = "default";
  EXPECT_EQ(*Create()->Render(), "");
  arguments_.chat_template = "nonesuch";
  EXPECT_THAT(std::string(Create().status().message()),
              HasSubstr("M: --chat-template nonesuch is no file and none of "
                        "the model's chat templates: default"));
}

TEST_F(ChatTest, NoSpecialTokensAreAddedToWhatTheTemplateWrote) {
  ASSERT_OK_AND_ASSIGN(const Conversation conversation, Create());
  EXPECT_THAT(*conversation.Encode("#a"), ElementsAre('#', 'a'));
  EXPECT_EQ(conversation.Encode("").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ChatTest, TheEndOfTextOfTheTokenizerEndsAnAnswer) {
  EXPECT_THAT(Create()->stop_ids(), ElementsAre('#'));
  arguments_.chat_template = folder_.Path("mine.jinja");
  folder_.Write("mine.jinja", "mine");
  asset_.files.clear();
  EXPECT_THAT(Create()->stop_ids(), ElementsAre());
}

TEST_F(ChatTest, WhatIsNotUtf8IsRepaired) {
  ASSERT_OK_AND_ASSIGN(Conversation conversation, Create());
  conversation.AddUser("a\xFFz");
  EXPECT_EQ(*conversation.Render(), "u:a\xEF\xBF\xBDz;");
}

}  // namespace
}  // namespace ounce
