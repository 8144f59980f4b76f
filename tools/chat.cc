#include "tools/chat.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "tools/command.h"

namespace ounce {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{64} << 20;

// What a conversation's file holds.
struct ChatFile {
  Json::Array messages;
  Json tools;
  Json documents;
};

Json MemberOr(const Json& json, absl::string_view key) {
  const Json* const member = json.Find(key);
  return member == nullptr ? Json() : *member;
}

absl::StatusOr<ChatFile> ParseChatFile(absl::string_view text) {
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  ChatFile file;
  const Json messages =
      json.AsArray() != nullptr ? json : MemberOr(json, "messages");
  if (messages.AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        "expected a list of messages, or an object with \"messages\" and "
        "perhaps \"tools\" and \"documents\"");
  }
  file.messages = *messages.AsArray();
  file.tools = MemberOr(json, "tools");
  file.documents = MemberOr(json, "documents");
  return file;
}

absl::StatusOr<ChatFile> ReadChatFile(const std::string& path) {
  if (path.empty()) return ChatFile();
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(path, kMaxFileBytes));
  return Annotate(ParseChatFile(text), absl::StrCat("reading '", path, "'"));
}

// The value is JSON where it can be, else a string: enable_thinking=false.
absl::StatusOr<Json::Member> ParseVariable(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--chat-var ", text, "; expected NAME=VALUE")));
  }
  const absl::string_view value = text.substr(equals + 1);
  const absl::StatusOr<Json> json = ParseJson(value);
  return Json::Member(std::string(text.substr(0, equals)),
                      json.ok() ? *json : Json(value));
}

absl::StatusOr<ChatTemplate> ChooseTemplate(const TokenizerAsset& asset,
                                            const std::string& chosen,
                                            bool with_tools) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         ChatTemplate::Names(asset));
  const bool named =
      std::find(names.begin(), names.end(), chosen) != names.end();
  if (chosen.empty() || named) {
    return ChatTemplate::Create(asset, chosen, with_tools);
  }
  std::error_code error;
  if (!std::filesystem::exists(chosen, error)) {
    return absl::NotFoundError(
        absl::StrCat("--chat-template ", chosen,
                     " is no file and none of the model's chat templates",
                     names.empty() ? "" : ": ", absl::StrJoin(names, ", ")));
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string source,
                         ReadSmallFile(chosen, kMaxFileBytes));
  return Annotate(ChatTemplate::Parse(source, asset),
                  absl::StrCat("reading '", chosen, "'"));
}

// Text from outside as UTF-8.
std::string Repaired(absl::string_view text) {
  std::string out;
  AppendRepairedUtf8(text, /*is_final=*/true, &out);
  return out;
}

Json Message(absl::string_view role, absl::string_view text) {
  return Json::Of({{"role", std::string(role)}, {"content", Repaired(text)}});
}

}  // namespace

absl::StatusOr<Conversation> Conversation::Create(
    const TokenizerAsset& asset, absl::string_view model,
    const Tokenizer& tokenizer, const ChatArguments& arguments) {
  OUNCE_ASSIGN_OR_RETURN(ChatFile file, ReadChatFile(arguments.file));
  OUNCE_ASSIGN_OR_RETURN(ChatTemplate chosen,
                         Annotate(ChooseTemplate(asset, arguments.chat_template,
                                                 !file.tools.is_null()),
                                  model));
  Conversation conversation(std::move(chosen), tokenizer);
  conversation.options_.tools = std::move(file.tools);
  conversation.options_.documents = std::move(file.documents);
  for (const std::string& text : arguments.variables) {
    OUNCE_ASSIGN_OR_RETURN(Json::Member variable, ParseVariable(text));
    conversation.options_.variables.push_back(std::move(variable));
  }
  Json::Array& messages = conversation.first_messages_;
  if (!arguments.system.empty()) {
    messages.push_back(Message("system", arguments.system));
  }
  messages.insert(messages.end(), file.messages.begin(), file.messages.end());
  conversation.Reset();
  return conversation;
}

void Conversation::Add(absl::string_view role, absl::string_view text) {
  messages_.push_back(Message(role, text));
}

bool Conversation::awaits_answer() const {
  if (messages_.empty()) return false;
  const Json* const role = messages_.back().Find("role");
  return role == nullptr || role->AsString() == nullptr ||
         (*role->AsString() != "assistant" && *role->AsString() != "system");
}

absl::StatusOr<std::string> Conversation::Render() const {
  return template_.Render(messages_, options_);
}

absl::StatusOr<std::vector<int32_t>> Conversation::Encode(
    absl::string_view text) const {
  OUNCE_ASSIGN_OR_RETURN(
      std::vector<int32_t> ids,
      tokenizer_->Encode(text, /*add_special_tokens=*/false));
  if (!ids.empty()) return ids;
  return absl::InvalidArgumentError(
      "the chat template renders the conversation as nothing");
}

std::vector<int32_t> Conversation::stop_ids() const {
  const std::optional<int32_t> id =
      tokenizer_->TokenToId(template_.eos_token());
  return id.has_value() ? std::vector<int32_t>{*id} : std::vector<int32_t>();
}

}  // namespace ounce
