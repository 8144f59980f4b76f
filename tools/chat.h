// What `ounce run --chat` adds to a run: the conversation, and its rendering
// into ids.
#ifndef OUNCE_TOOLS_CHAT_H_
#define OUNCE_TOOLS_CHAT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "core/tokenizer_asset.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace ounce {

struct ChatArguments {
  bool chat = false;
  std::string system;                  // Empty: no system message.
  std::string file;                    // Of a conversation; empty: none.
  std::string chat_template;           // A file, or a name of the checkpoint's.
  std::vector<std::string> variables;  // NAME=VALUE.
  bool show_prompt = false;

  // Whether anything but `chat` is set, which needs it.
  bool any() const {
    return !system.empty() || !file.empty() || !chat_template.empty() ||
           !variables.empty() || show_prompt;
  }
};

// A conversation as it grows.
class Conversation {
 public:
  // Reads the file and chooses the template.  `tokenizer` must outlive it.  A
  // usage error: a variable that is no NAME=VALUE.  kInvalidArgument naming the
  // file: it is neither a list of messages nor an object with `messages` and
  // perhaps `tools` and `documents`.  Errors of ChatTemplate::Create() begin
  // with `model`, the path of the asset.
  static absl::StatusOr<Conversation> Create(const TokenizerAsset& asset,
                                             absl::string_view model,
                                             const Tokenizer& tokenizer,
                                             const ChatArguments& arguments);

  void AddUser(absl::string_view text) { Add("user", text); }
  void AddAssistant(absl::string_view text) { Add("assistant", text); }
  // Takes the last message back.
  void DropLast() { messages_.pop_back(); }
  // Back to what Create() gave.
  void Reset() { messages_ = first_messages_; }

  const Json::Array& messages() const { return messages_; }
  // Whether the last message asks for an answer.
  bool awaits_answer() const;
  // The text of the conversation up to the opening of the next answer.
  absl::StatusOr<std::string> Render() const;
  // Its ids.  The template has written the special tokens: none are added.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text) const;
  // The end of text that tokenizer_config.json names, which ends an answer even
  // where generation_config.json forgets it.
  std::vector<int32_t> stop_ids() const;

 private:
  Conversation(ChatTemplate chosen, const Tokenizer& tokenizer)
      : template_(std::move(chosen)), tokenizer_(&tokenizer) {}
  void Add(absl::string_view role, absl::string_view text);

  ChatTemplate template_;
  const Tokenizer* tokenizer_;
  ChatOptions options_;
  Json::Array first_messages_;
  Json::Array messages_;
};

}  // namespace ounce

#endif  // OUNCE_TOOLS_CHAT_H_
