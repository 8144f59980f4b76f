// A conversation as the text a chat model was trained on: renders the
// checkpoint's own `chat_template`.
// Source: transformers 5, apply_chat_template(), whose variables and choice of
// template these are.
#ifndef OUNCE_TEXT_CHAT_TEMPLATE_H_
#define OUNCE_TEXT_CHAT_TEMPLATE_H_

#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "core/tokenizer_asset.h"
#include "text/jinja/template.h"

namespace ounce {

struct ChatOptions {
  // Ends with the opening of the assistant's answer.
  bool add_generation_prompt = true;
  // Lists that some templates read; null: none.
  Json tools;
  Json documents;
  // More variables, such as {"enable_thinking", false}; they win over all.
  std::vector<Json::Member> variables;
  // What the template takes for now; nullopt: the local time.
  std::optional<std::tm> now;
};

// Immutable; Render() may be called from several threads.
class ChatTemplate {
 public:
  // The template called `name` of a checkpoint.  Without a name it is, as in
  // transformers, `tool_use` when there is one and `with_tools` is set, else
  // `default`.  `chat_template.jinja` wins over `tokenizer_config.json`, that
  // over `chat_template.json`; `additional_chat_templates/` add names.
  // kFailedPrecondition: the checkpoint has none.  kInvalidArgument: none of
  // this name, or the file breaks its format.  Errors of the template itself as
  // jinja::Template::Parse().
  static absl::StatusOr<ChatTemplate> Create(const TokenizerAsset& asset,
                                             absl::string_view name = "",
                                             bool with_tools = false);
  // A template from elsewhere; the asset gives the special tokens.
  static absl::StatusOr<ChatTemplate> Parse(absl::string_view source,
                                            const TokenizerAsset& asset);
  // The names Create() accepts.
  static absl::StatusOr<std::vector<std::string>> Names(
      const TokenizerAsset& asset);

  // `messages` is a list of objects, each with a string `role` and mostly a
  // `content`; the template decides what else it reads.  The text holds the
  // special tokens, so that it is encoded without adding any.
  // kInvalidArgument: `messages` is no such list, or the template refuses it.
  // Other errors as jinja::Template::Render().
  absl::StatusOr<std::string> Render(const Json& messages,
                                     const ChatOptions& options = {}) const;

  // Of `tokenizer_config.json`; empty: it names none.
  const std::string& eos_token() const { return eos_token_; }

 private:
  ChatTemplate(jinja::Template parsed, jinja::Variables tokens,
               std::string eos_token)
      : template_(std::move(parsed)),
        tokens_(std::move(tokens)),
        eos_token_(std::move(eos_token)) {}

  jinja::Template template_;
  jinja::Variables tokens_;  // bos_token, eos_token ...
  std::string eos_token_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_CHAT_TEMPLATE_H_
