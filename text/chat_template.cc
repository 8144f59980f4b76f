#include "text/chat_template.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "text/quote.h"

namespace ounce {
namespace {

using jinja::Value;

constexpr absl::string_view kTemplateFile = "chat_template.jinja";
constexpr absl::string_view kConfigFile = "tokenizer_config.json";
constexpr absl::string_view kTemplateJson = "chat_template.json";
constexpr absl::string_view kTokensFile = "special_tokens_map.json";
constexpr absl::string_view kAdditional = "additional_chat_templates/";

struct NamedTemplate {
  std::string name;
  std::string source;
};

// The file's JSON; null when there is no such file.
absl::StatusOr<Json> ReadJsonFile(const TokenizerAsset& asset,
                                  absl::string_view name) {
  const SharedBytes* const bytes = asset.Find(name);
  if (bytes == nullptr) return Json();
  return Annotate(ParseJson(bytes->view()), name);
}

// A list of {"name": ..., "template": ...}.
absl::StatusOr<std::vector<NamedTemplate>> ReadList(const Json::Array& list) {
  std::vector<NamedTemplate> out;
  for (const Json& element : list) {
    NamedTemplate named;
    OUNCE_ASSIGN_OR_RETURN(named.name, element.GetString("name"));
    OUNCE_ASSIGN_OR_RETURN(named.source, element.GetString("template"));
    out.push_back(std::move(named));
  }
  return out;
}

// The member `chat_template` of a file: a string, or a list.
absl::StatusOr<std::vector<NamedTemplate>> ReadMember(const Json& config) {
  const Json* const member = config.Find("chat_template");
  if (member == nullptr || member->is_null()) {
    return std::vector<NamedTemplate>();
  }
  if (const std::string* source = member->AsString()) {
    return std::vector<NamedTemplate>{{"default", *source}};
  }
  if (const Json::Array* list = member->AsArray()) {
    return Annotate(ReadList(*list), "\"chat_template\"");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"chat_template\" is of type ", member->TypeName(),
                   "; expected a string or a list"));
}

absl::StatusOr<std::vector<NamedTemplate>> ReadMain(
    const TokenizerAsset& asset) {
  if (const SharedBytes* source = asset.Find(kTemplateFile)) {
    return std::vector<NamedTemplate>{{"default", std::string(source->view())}};
  }
  for (const absl::string_view file : {kConfigFile, kTemplateJson}) {
    OUNCE_ASSIGN_OR_RETURN(const Json config, ReadJsonFile(asset, file));
    OUNCE_ASSIGN_OR_RETURN(std::vector<NamedTemplate> templates,
                           Annotate(ReadMember(config), file));
    if (!templates.empty()) return templates;
  }
  return std::vector<NamedTemplate>();
}

absl::StatusOr<std::vector<NamedTemplate>> ReadTemplates(
    const TokenizerAsset& asset) {
  OUNCE_ASSIGN_OR_RETURN(std::vector<NamedTemplate> templates, ReadMain(asset));
  for (const TokenizerAsset::File& file : asset.files) {
    absl::string_view name = file.name;
    if (absl::ConsumePrefix(&name, kAdditional) &&
        absl::ConsumeSuffix(&name, ".jinja")) {
      templates.push_back({std::string(name), std::string(file.bytes.view())});
    }
  }
  return templates;
}

const NamedTemplate* FindTemplate(const std::vector<NamedTemplate>& templates,
                                  absl::string_view name) {
  for (const NamedTemplate& named : templates) {
    if (named.name == name) return &named;
  }
  return nullptr;
}

std::string JoinNames(const std::vector<NamedTemplate>& templates) {
  return absl::StrJoin(templates, ", ",
                       [](std::string* out, const NamedTemplate& named) {
                         absl::StrAppend(out, Quote(named.name));
                       });
}

absl::StatusOr<NamedTemplate> ChooseTemplate(
    const std::vector<NamedTemplate>& templates, absl::string_view name,
    bool with_tools) {
  if (templates.empty()) {
    return absl::FailedPreconditionError(
        "the model has no chat template (chat_template.jinja, or "
        "\"chat_template\" in tokenizer_config.json); is it a base model? Give "
        "one with --chat-template FILE.jinja");
  }
  const NamedTemplate* chosen = nullptr;
  if (!name.empty()) {
    chosen = FindTemplate(templates, name);
  } else {
    if (with_tools) chosen = FindTemplate(templates, "tool_use");
    if (chosen == nullptr) chosen = FindTemplate(templates, "default");
    if (chosen == nullptr && templates.size() == 1) chosen = &templates[0];
  }
  if (chosen != nullptr) return *chosen;
  return absl::InvalidArgumentError(
      absl::StrCat("the model has no chat template ",
                   name.empty() ? "\"default\"" : Quote(name), "; it has ",
                   JoinNames(templates)));
}

// A special token: a string, or an object with its `content`.
const std::string* TokenText(const Json& value) {
  if (const std::string* text = value.AsString()) return text;
  const Json* const content = value.Find("content");
  return content == nullptr ? nullptr : content->AsString();
}

bool HasVariable(const jinja::Variables& variables, absl::string_view name) {
  return std::any_of(variables.begin(), variables.end(),
                     [name](const auto& entry) { return entry.first == name; });
}

// Adds the members of a file that name special tokens, unless they are known.
void AddTokens(const Json& file, jinja::Variables* tokens) {
  if (file.AsObject() == nullptr) return;
  for (const auto& [key, value] : file.AsObject()->members()) {
    if (!absl::EndsWith(key, "_token") || HasVariable(*tokens, key)) continue;
    const std::string* const text = TokenText(value);
    if (text != nullptr) tokens->emplace_back(key, Value(*text));
  }
}

absl::StatusOr<jinja::Variables> ReadTokens(const TokenizerAsset& asset) {
  jinja::Variables tokens;
  for (const absl::string_view name : {kConfigFile, kTokensFile}) {
    OUNCE_ASSIGN_OR_RETURN(const Json file, ReadJsonFile(asset, name));
    AddTokens(file, &tokens);
  }
  return tokens;
}

absl::Status CheckMessages(const Json& messages) {
  const Json::Array* const list = messages.AsArray();
  if (list == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the messages are of type ", messages.TypeName(),
                     "; expected a list of {\"role\": ..., \"content\": ...}"));
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const Json* const role = (*list)[i].Find("role");
    if (role == nullptr || role->AsString() == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("message ", i + 1, " has no string \"role\""));
    }
  }
  return absl::OkStatus();
}

std::tm LocalTime() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  localtime_r(&now, &parts);
  return parts;
}

// Replaces an earlier variable of the name.
absl::Status SetVariable(const std::string& name, const Json& json,
                         jinja::Variables* variables) {
  OUNCE_ASSIGN_OR_RETURN(Value value, jinja::FromJson(json));
  for (auto& [key, old] : *variables) {
    if (key == name) {
      old = std::move(value);
      return absl::OkStatus();
    }
  }
  variables->emplace_back(name, std::move(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ChatTemplate::Names(
    const TokenizerAsset& asset) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<NamedTemplate> templates,
                         ReadTemplates(asset));
  std::vector<std::string> names;
  for (const NamedTemplate& named : templates) names.push_back(named.name);
  return names;
}

absl::StatusOr<ChatTemplate> ChatTemplate::Create(const TokenizerAsset& asset,
                                                  absl::string_view name,
                                                  bool with_tools) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<NamedTemplate> templates,
                         ReadTemplates(asset));
  OUNCE_ASSIGN_OR_RETURN(const NamedTemplate chosen,
                         ChooseTemplate(templates, name, with_tools));
  return Annotate(Parse(chosen.source, asset),
                  absl::StrCat("chat template ", Quote(chosen.name)));
}

absl::StatusOr<ChatTemplate> ChatTemplate::Parse(absl::string_view source,
                                                 const TokenizerAsset& asset) {
  OUNCE_ASSIGN_OR_RETURN(jinja::Variables tokens, ReadTokens(asset));
  std::string eos_token;
  for (const auto& [name, value] : tokens) {
    if (name == "eos_token") eos_token = value.AsText()->bytes;
  }
  OUNCE_ASSIGN_OR_RETURN(jinja::Template parsed,
                         jinja::Template::Parse(source));
  return ChatTemplate(std::move(parsed), std::move(tokens),
                      std::move(eos_token));
}

absl::StatusOr<std::string> ChatTemplate::Render(
    const Json& messages, const ChatOptions& options) const {
  OUNCE_RETURN_IF_ERROR(CheckMessages(messages));
  jinja::Variables variables = tokens_;
  std::vector<Json::Member> members = {
      {"messages", messages},
      {"tools", options.tools},
      {"documents", options.documents},
      {"add_generation_prompt", options.add_generation_prompt}};
  members.insert(members.end(), options.variables.begin(),
                 options.variables.end());
  for (const auto& [name, value] : members) {
    OUNCE_RETURN_IF_ERROR(SetVariable(name, value, &variables));
  }
  return Annotate(
      template_.Render(variables,
                       options.now.has_value() ? *options.now : LocalTime()),
      "chat template");
}

}  // namespace ounce
