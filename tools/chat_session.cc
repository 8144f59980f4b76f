#include "tools/chat_session.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <optional>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void Interrupt(int) { interrupted = 1; }

// While it lives, Ctrl-C sets `interrupted` and ends a pending read.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction action = {};
    action.sa_handler = Interrupt;
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ = {};
};

// The user's next line, without the \r of a Windows file; nullopt at the end.
std::optional<std::string> ReadLine(bool terminal) {
  if (terminal) std::cerr << "> " << std::flush;
  std::string line;
  if (!std::getline(std::cin, line)) {
    if (terminal) std::cerr << std::endl;
    return std::nullopt;
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

// One turn.  The user's message is taken back when there is no answer.
absl::StatusOr<Outcome> Turn(const std::string& line, bool stream,
                             ChatSession* session) {
  session->conversation().AddUser(line);
  interrupted = 0;
  absl::StatusOr<Outcome> outcome =
      session->Answer([stream](absl::string_view text) {
        if (stream) std::cout << text << std::flush;
        return interrupted == 0;
      });
  if (!outcome.ok()) session->conversation().DropLast();
  if (stream && outcome.ok()) std::cout << std::endl;
  return outcome;
}

absl::Status ConverseOnTerminal(ChatSession* session,
                                const CommonOptions& common) {
  const InterruptGuard guard;
  Remark(common,
         "Say something.  Ctrl-C ends an answer, /reset starts anew, /exit or "
         "Ctrl-D leaves.");
  while (const std::optional<std::string> line = ReadLine(true)) {
    if (*line == "/exit") break;
    if (line->empty()) continue;
    if (*line == "/reset") {
      session->conversation().Reset();
      continue;
    }
    const absl::StatusOr<Outcome> outcome = Turn(*line, true, session);
    if (outcome.ok()) {
      Remark(common, Summary(*outcome));
    } else {
      std::cerr << "error: " << outcome.status().message() << std::endl;
    }
  }
  return absl::OkStatus();
}

}  // namespace

size_t CommonPrefix(absl::Span<const int32_t> a, absl::Span<const int32_t> b) {
  const size_t size = std::min(a.size(), b.size());
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(size);
  return static_cast<size_t>(std::mismatch(a.begin(), end, b.begin()).first -
                             a.begin());
}

ChatSession::ChatSession(const Tokenizer& tokenizer, const TextOptions& options,
                         Conversation* conversation, Executor* executor)
    : tokenizer_(tokenizer),
      options_(options),
      conversation_(*conversation),
      executor_(*executor) {
  options_.generate.stop_ids = conversation->stop_ids();
}

absl::StatusOr<Outcome> ChatSession::Answer(
    absl::FunctionRef<bool(absl::string_view)> on_text) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, conversation_.Render());
  OUNCE_ASSIGN_OR_RETURN(const std::vector<int32_t> prompt,
                         conversation_.Encode(text));
  const auto size = static_cast<int64_t>(prompt.size());
  if (size > executor_.capacity()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the conversation has ", size, " tokens; the context holds ",
        executor_.capacity(), ": shorten it, start anew, or raise --context"));
  }
  // At least one id must run, for its logits.
  const auto kept = static_cast<int64_t>(
      std::min(CommonPrefix(held_, prompt), prompt.size() - 1));
  executor_.Rewind(kept);
  held_.assign(prompt.begin(), prompt.begin() + kept);
  absl::StatusOr<Outcome> outcome =
      GenerateText(options_, tokenizer_, prompt, &executor_, on_text);
  if (!outcome.ok()) {
    executor_.Rewind(kept);
    return outcome;
  }
  held_ = prompt;
  held_.insert(held_.end(), outcome->ids.begin(), outcome->ids.end());
  // The last token that was sampled has not been run.
  held_.resize(static_cast<size_t>(executor_.position()));
  conversation_.AddAssistant(outcome->text);
  return outcome;
}

absl::Status Converse(ChatSession* session, const CommonOptions& common) {
  if (!common.json && isatty(STDIN_FILENO) != 0) {
    return ConverseOnTerminal(session, common);
  }
  Json::Array turns;
  while (const std::optional<std::string> line = ReadLine(false)) {
    OUNCE_ASSIGN_OR_RETURN(const Outcome outcome,
                           Turn(*line, !common.json, session));
    turns.push_back(OutcomeJson(outcome));
  }
  if (common.json) {
    std::cout << Json::Of({{"turns", turns},
                           {"messages", session->conversation().messages()}})
                     .Dump(1)
              << "\n";
  }
  return absl::OkStatus();
}

}  // namespace ounce
