// A conversation with a model: one answer, or turn by turn.
#ifndef OUNCE_TOOLS_CHAT_SESSION_H_
#define OUNCE_TOOLS_CHAT_SESSION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/executor.h"
#include "text/tokenizer.h"
#include "tools/chat.h"
#include "tools/command.h"
#include "tools/generation.h"

namespace ounce {

// The ids that an executor holds: each answer runs only what is new of the
// conversation.
class ChatSession {
 public:
  // All must outlive it.
  ChatSession(const Tokenizer& tokenizer, const TextOptions& options,
              Conversation* conversation, Executor* executor);

  // Renders the conversation, generates the next message and adds it.
  // kInvalidArgument: the template refuses the conversation, or it fills the
  // context.  Other errors as GenerateText(); the conversation is then as it
  // was.
  absl::StatusOr<Outcome> Answer(
      absl::FunctionRef<bool(absl::string_view)> on_text);

  Conversation& conversation() { return conversation_; }

 private:
  const Tokenizer& tokenizer_;
  TextOptions options_;
  Conversation& conversation_;
  Executor& executor_;
  std::vector<int32_t> held_;  // What the executor has run.
};

// How many ids two sequences have in common at their start.
size_t CommonPrefix(absl::Span<const int32_t> a, absl::Span<const int32_t> b);

// Turn by turn from stdin, a line each.  On a terminal it prompts, /reset
// starts anew, /exit and the end of input leave, Ctrl-C ends an answer, and an
// error ends the turn alone.  With --json everything comes as one document at
// the end.
absl::Status Converse(ChatSession* session, const CommonOptions& common);

}  // namespace ounce

#endif  // OUNCE_TOOLS_CHAT_SESSION_H_
