#include "tools/run_text.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "runtime/executor.h"
#include "runtime/generate.h"
#include "text/tokenizer.h"
#include "tools/chat.h"
#include "tools/chat_session.h"
#include "tools/generation.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

// Without -n; with --chat all that fit the context.
constexpr int64_t kDefaultTokens = 128;

std::string ReadPrompt(const RunArguments& arguments) {
  if (arguments.prompt != "-") return arguments.prompt;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// The longest sequence the run may reach.
absl::StatusOr<int64_t> Capacity(const RunArguments& arguments, int64_t limit,
                                 int64_t prompt_tokens) {
  if (prompt_tokens > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", prompt_tokens, " tokens; the context holds ", limit,
        ": shorten it or raise --context"));
  }
  return std::min(limit, prompt_tokens + arguments.text.generate.max_tokens);
}

void Report(const Outcome& outcome, int64_t capacity,
            const CommonOptions& common) {
  if (common.json) {
    std::cout << OutcomeJson(outcome).Dump(1) << "\n";
    return;
  }
  std::cout << std::endl;  // Flushed, so that the remark comes after the text.
  Remark(common, Summary(outcome));
  if (outcome.result.reason == StopReason::kContext) {
    Remark(common, absl::StrCat("stopped at the context limit of ", capacity,
                                " tokens, before -n was reached"));
  }
}

absl::Status ContinuePrompt(const RunModel& run, const RunArguments& arguments,
                            const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> prompt,
                         run.tokenizer->Encode(ReadPrompt(arguments),
                                               /*add_special_tokens=*/true));
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t capacity,
      Capacity(arguments, run.limit, static_cast<int64_t>(prompt.size())));
  Executor executor(run.model.weights, run.engine.context.get(), capacity,
                    {1, run.kv});
  OUNCE_ASSIGN_OR_RETURN(
      const Outcome outcome,
      GenerateText(arguments.text, *run.tokenizer, prompt, &executor,
                   [&common](absl::string_view text) {
                     if (!common.json) std::cout << text << std::flush;
                     return true;
                   }));
  Report(outcome, capacity, common);
  return absl::OkStatus();
}

// The conversation of the command line, its last message the user's if one is
// given.
absl::StatusOr<Conversation> StartConversation(const RunArguments& arguments,
                                               const TokenizerAsset& asset,
                                               const Tokenizer& tokenizer) {
  OUNCE_ASSIGN_OR_RETURN(
      Conversation conversation,
      Conversation::Create(asset, arguments.model, tokenizer, arguments.chat));
  if (!arguments.prompt.empty()) conversation.AddUser(ReadPrompt(arguments));
  return conversation;
}

absl::Status Chat(const RunModel& run, const RunArguments& arguments,
                  const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(
      Conversation conversation,
      StartConversation(arguments, run.model.file.tokenizer, *run.tokenizer));
  Executor executor(run.model.weights, run.engine.context.get(), run.limit,
                    {1, run.kv});
  ChatSession session(*run.tokenizer, arguments.text, &conversation, &executor);
  if (!conversation.awaits_answer()) return Converse(&session, common);
  OUNCE_ASSIGN_OR_RETURN(const Outcome outcome,
                         session.Answer([&common](absl::string_view text) {
                           if (!common.json) std::cout << text << std::flush;
                           return true;
                         }));
  Report(outcome, run.limit, common);
  return absl::OkStatus();
}

}  // namespace

absl::Status ShowPrompt(const RunArguments& arguments,
                        const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const TokenizerAsset asset,
                         OpenTokenizer(arguments.model));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         Annotate(Tokenizer::Create(asset), arguments.model));
  OUNCE_ASSIGN_OR_RETURN(const Conversation conversation,
                         StartConversation(arguments, asset, *tokenizer));
  if (conversation.messages().empty()) {
    return UsageError(absl::InvalidArgumentError(
        "--show-prompt has no message to show; give -p or --chat-file"));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string text, conversation.Render());
  if (!common.json) {
    std::cout << text << (isatty(STDOUT_FILENO) != 0 ? "\n" : "");
    return absl::OkStatus();
  }
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> ids,
                         conversation.Encode(text));
  std::cout << Json::Of({{"prompt", text},
                         {"ids", Json::Array(ids.begin(), ids.end())}})
                   .Dump(1)
            << "\n";
  return absl::OkStatus();
}

absl::Status RunText(const RunModel& run, const RunArguments& given,
                     const CommonOptions& common) {
  RunArguments arguments = given;
  arguments.text.generate.max_tokens = given.tokens >= 0 ? given.tokens
                                       : given.chat.chat ? kMaxCount
                                                         : kDefaultTokens;
  return given.chat.chat ? Chat(run, arguments, common)
                         : ContinuePrompt(run, arguments, common);
}

}  // namespace ounce
