#include "tools/chat_session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "tools/chat.h"

namespace ounce {
namespace {

constexpr char kTokenizer[] = R"json({"version": "1.0", "added_tokens": [],
  "model": {"type": "BPE", "vocab": {
    "a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7, "i": 8,
    "j": 9, "k": 10, "l": 11, "m": 12, "n": 13, "o": 14, "p": 15, "q": 16,
    "r": 17, "s": 18, "t": 19, "u": 20, "v": 21, "w": 22, "x": 23, "y": 24,
    "z": 25, ":": 26, ";": 27, "A": 28, "B": 29, "C": 30, "D": 31, "E": 32,
    "F": 33, "G": 34, "H": 35, "I": 36, "J": 37, "K": 38, "L": 39, "M": 40,
    "N": 41, "O": 42, "P": 43, "Q": 44, "R": 45, "S": 46, "T": 47, "U": 48,
    "V": 49}, "merges": []}})json";
constexpr char kTemplate[] =
    "{% for m in messages %}{{ m.role[0] ~ ':' ~ m.content ~ ';' }}"
    "{% endfor %}{{ 'a:' if add_generation_prompt }}";

class ChatSessionTest : public testing::Test {
 protected:
  ChatSessionTest() : model_(TinySpec()) {
    asset_.kind = TokenizerKind::kTokenizerJson;
    asset_.files = {{"tokenizer.json", kTokenizer},
                    {"chat_template.jinja", kTemplate}};
    auto tokenizer = Tokenizer::Create(asset_);
    EXPECT_THAT(tokenizer, IsOk());
    tokenizer_ = *std::move(tokenizer);
    options_.generate.max_tokens = 4;
  }

  Conversation NewConversation() {
    return *Conversation::Create(asset_, "M", *tokenizer_, ChatArguments());
  }

  // What a new executor answers to the same messages.
  Outcome Fresh(const Conversation& known) {
    Conversation conversation = NewConversation();
    for (const Json& message : known.messages()) {
      const std::string& text = *message.Find("content")->AsString();
      if (*message.Find("role")->AsString() == "user") {
        conversation.AddUser(text);
      } else {
        conversation.AddAssistant(text);
      }
    }
    Executor executor(model_.weights(), &context_, 64);
    ChatSession session(*tokenizer_, options_, &conversation, &executor);
    return *session.Answer([](absl::string_view) { return true; });
  }

  const TinyModel model_;
  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  TokenizerAsset asset_;
  std::unique_ptr<Tokenizer> tokenizer_;
  TextOptions options_;
};

TEST_F(ChatSessionTest, LaterTurnsRunOnlyWhatIsNewAndAnswerTheSame) {
  Conversation conversation = NewConversation();
  Executor executor(model_.weights(), &context_, 64);
  ChatSession session(*tokenizer_, options_, &conversation, &executor);
  const auto all = [](absl::string_view) { return true; };
  int64_t before = 0;
  for (const char* said : {"hi", "so", "end"}) {
    conversation.AddUser(said);
    const Outcome expected = Fresh(conversation);
    ASSERT_OK_AND_ASSIGN(const Outcome outcome, session.Answer(all));
    EXPECT_EQ(outcome.ids, expected.ids);
    EXPECT_EQ(outcome.text, expected.text);
    EXPECT_EQ(expected.reused_tokens, 0);
    // Every character is a token, so that all that was run is kept: the prompt
    // before, and the answer but for its last token, which was only sampled.
    EXPECT_EQ(outcome.reused_tokens, before);
    before = outcome.prompt_tokens + 3;
  }
}

TEST_F(ChatSessionTest, AConversationThatChangesIsRewoundToWhatIsCommon) {
  Conversation conversation = NewConversation();
  Executor executor(model_.weights(), &context_, 64);
  ChatSession session(*tokenizer_, options_, &conversation, &executor);
  const auto all = [](absl::string_view) { return true; };
  conversation.AddUser("hello");
  ASSERT_OK(session.Answer(all).status());
  conversation.Reset();
  conversation.AddUser("help");
  const Outcome expected = Fresh(conversation);
  ASSERT_OK_AND_ASSIGN(const Outcome outcome, session.Answer(all));
  EXPECT_EQ(outcome.reused_tokens, 5);  // "u:hel"
  EXPECT_EQ(outcome.ids, expected.ids);
}

TEST_F(ChatSessionTest, AFullContextIsAnErrorThatLeavesTheConversation) {
  Conversation conversation = NewConversation();
  Executor executor(model_.weights(), &context_, 8);
  ChatSession session(*tokenizer_, options_, &conversation, &executor);
  conversation.AddUser("muchtoolong");
  const auto outcome = session.Answer([](absl::string_view) { return true; });
  EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kInvalidArgument,
                                testing::HasSubstr("the context holds 8")));
  EXPECT_EQ(conversation.messages().size(), 1u);
}

TEST_F(ChatSessionTest, AnInterruptedAnswerIsKeptAsFarAsItCame) {
  Conversation conversation = NewConversation();
  Executor executor(model_.weights(), &context_, 64);
  ChatSession session(*tokenizer_, options_, &conversation, &executor);
  conversation.AddUser("hi");
  const auto outcome = session.Answer([](absl::string_view) { return false; });
  ASSERT_OK(outcome.status());
  EXPECT_EQ(outcome->result.reason, StopReason::kCaller);
  EXPECT_EQ(outcome->ids.size(), 1u);
  EXPECT_EQ(conversation.messages().size(), 2u);
}

TEST(CommonPrefixTest, CountsEqualIdsAtTheStart) {
  EXPECT_EQ(CommonPrefix({1, 2, 3}, {1, 2, 4}), 2u);
  EXPECT_EQ(CommonPrefix({1, 2}, {1, 2, 3}), 2u);
  EXPECT_EQ(CommonPrefix({}, {1}), 0u);
}

}  // namespace
}  // namespace ounce
