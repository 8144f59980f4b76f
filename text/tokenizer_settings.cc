#include "text/tokenizer_settings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "text/config.h"
#include "text/quote.h"
#include "text/tokenizer_class.h"

namespace ounce {
namespace {

constexpr absl::string_view kConfigName = "tokenizer_config.json";
constexpr absl::string_view kSpecialTokensName = "special_tokens_map.json";
constexpr absl::string_view kAddedTokensName = "added_tokens.json";
constexpr absl::string_view kModelConfigName = "config.json";

constexpr std::array<absl::string_view, kNumRoles> kRoleKeys = {
    "bos_token", "eos_token", "unk_token", "sep_token",
    "pad_token", "cls_token", "mask_token"};

// The file's object; an empty one where the asset has no such file.
absl::StatusOr<Json> ReadObject(const TokenizerAsset& asset,
                                absl::string_view name) {
  const SharedBytes* const bytes = asset.Find(name);
  if (bytes == nullptr) return Json(Json::Object());
  OUNCE_ASSIGN_OR_RETURN(Json json, Annotate(ParseJson(bytes->view()), name));
  if (json.AsObject() == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": is of type ", json.TypeName(), "; expected an object"));
  }
  return json;
}

// A token as its text, or as an object of its properties.
absl::StatusOr<AddedToken> ParseSpecialToken(const Json& json) {
  AddedToken token;
  if (const std::string* const content = json.AsString()) {
    token.content = *content;
  } else {
    OUNCE_ASSIGN_OR_RETURN(token, ParseAddedToken(json));
  }
  token.special = true;
  return token;
}

}  // namespace

absl::StatusOr<TokenizerSettings> TokenizerSettings::Read(
    const TokenizerAsset& asset) {
  TokenizerSettings settings;
  OUNCE_ASSIGN_OR_RETURN(settings.config_, ReadObject(asset, kConfigName));
  OUNCE_ASSIGN_OR_RETURN(const Json model_config,
                         ReadObject(asset, kModelConfigName));
  OUNCE_RETURN_IF_ERROR(settings.ReadClass(model_config));
  OUNCE_RETURN_IF_ERROR(
      Annotate(settings.ReadRoles(settings.config_), kConfigName));
  OUNCE_RETURN_IF_ERROR(
      Annotate(settings.ReadExtra(settings.config_), kConfigName));
  // The newer file makes the two older ones superfluous.
  if (const Json* const decoder =
          settings.config_.Find("added_tokens_decoder")) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(settings.ReadAddedDecoder(*decoder),
                 absl::StrCat(kConfigName, ": \"added_tokens_decoder\"")));
    return settings;
  }
  OUNCE_ASSIGN_OR_RETURN(const Json special,
                         ReadObject(asset, kSpecialTokensName));
  OUNCE_RETURN_IF_ERROR(
      Annotate(settings.ReadRoles(special), kSpecialTokensName));
  OUNCE_RETURN_IF_ERROR(
      Annotate(settings.ReadExtra(special), kSpecialTokensName));
  OUNCE_ASSIGN_OR_RETURN(const Json added, ReadObject(asset, kAddedTokensName));
  OUNCE_RETURN_IF_ERROR(
      Annotate(settings.ReadAddedFile(added), kAddedTokensName));
  return settings;
}

absl::Status TokenizerSettings::ReadClass(const Json& model_config) {
  for (const Json* const file : {&std::as_const(config_), &model_config}) {
    OUNCE_ASSIGN_OR_RETURN(const std::string name,
                           file->GetStringOr("tokenizer_class", ""));
    class_name_ = std::string(absl::StripSuffix(name, "Fast"));
    // These say only that the tokenizer is one.
    if (class_name_ == "PreTrainedTokenizer" ||
        class_name_ == "TokenizersBackend") {
      class_name_.clear();
    }
    if (!class_name_.empty()) return absl::OkStatus();
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string model_type,
                         model_config.GetStringOr("model_type", ""));
  class_name_ = std::string(TokenizerClassOf(model_type));
  return absl::OkStatus();
}

absl::Status TokenizerSettings::ReadRoles(const Json& file) {
  for (size_t role = 0; role < kNumRoles; ++role) {
    const Json* const value = file.Find(kRoleKeys[role]);
    if (value == nullptr) continue;
    NamedToken& named = named_[role];
    named = {.is_set = true,
             .is_text = value->AsString() != nullptr,
             .token = std::nullopt};
    if (value->is_null()) continue;
    OUNCE_ASSIGN_OR_RETURN(named.token,
                           Annotate(ParseSpecialToken(*value),
                                    absl::StrCat("\"", kRoleKeys[role], "\"")));
  }
  return absl::OkStatus();
}

absl::Status TokenizerSettings::ReadExtra(const Json& file) {
  for (const absl::string_view key :
       {"additional_special_tokens", "extra_special_tokens"}) {
    const Json* const value = file.Find(key);
    if (value == nullptr || value->is_null()) continue;
    std::vector<Json> list;
    if (const Json::Array* const array = value->AsArray()) list = *array;
    if (const Json::Object* const named = value->AsObject()) {
      for (const auto& [name, token] : named->members()) list.push_back(token);
    }
    for (const Json& json : list) {
      OUNCE_ASSIGN_OR_RETURN(
          AddedToken token,
          Annotate(ParseSpecialToken(json), absl::StrCat("\"", key, "\"")));
      if (extra_contents_.insert(token.content).second) {
        extra_.push_back(std::move(token));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status TokenizerSettings::ReadAddedDecoder(const Json& decoder) {
  if (decoder.AsObject() == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "is of type ", decoder.TypeName(), "; expected an object id: token"));
  }
  for (const auto& [key, value] : decoder.AsObject()->members()) {
    int32_t id = 0;
    if (!absl::SimpleAtoi(key, &id) || id < 0 || id >= kMaxTokenIds) {
      return absl::InvalidArgumentError(absl::StrCat(
          "has the key ", Quote(key), "; expected an id below ", kMaxTokenIds));
    }
    OUNCE_ASSIGN_OR_RETURN(AddedToken token,
                           Annotate(ParseAddedToken(value), Quote(key)));
    added_.insert_or_assign(id, std::move(token));
  }
  return absl::OkStatus();
}

absl::Status TokenizerSettings::ReadAddedFile(const Json& file) {
  for (const auto& [content, value] : file.AsObject()->members()) {
    OUNCE_ASSIGN_OR_RETURN(const int32_t id,
                           Annotate(ToTokenId(value), Quote(content)));
    AddedToken token;
    token.content = content;
    // As the reference: only what the files, not what a class, calls special.
    token.special = IsSpecial(content, {});
    token.normalized = !token.special;
    added_.insert_or_assign(id, std::move(token));
  }
  return absl::OkStatus();
}

bool TokenizerSettings::IsSpecial(absl::string_view content,
                                  const RoleDefaults& defaults) const {
  for (size_t role = 0; role < kNumRoles; ++role) {
    const NamedToken& named = named_[role];
    const char* const fallback = defaults.contents[role];
    if (named.is_set
            ? named.token.has_value() && named.token->content == content
            : fallback != nullptr && content == fallback) {
      return true;
    }
  }
  return extra_contents_.contains(content);
}

std::optional<AddedToken> TokenizerSettings::TokenIn(
    Role role, const RoleDefaults& defaults) const {
  const auto index = static_cast<size_t>(role);
  const NamedToken& named = named_[index];
  std::optional<AddedToken> token = named.token;
  if (!named.is_set && defaults.contents[index] != nullptr) {
    token.emplace();
    token->content = defaults.contents[index];
    token->special = true;
  }
  if (!token.has_value()) return token;
  for (const auto& [id, added] : added_) {
    if (added.content == token->content) return added;
  }
  const bool has_own_properties = named.is_set && !named.is_text;
  if (role == Role::kMask && !has_own_properties) {
    token->lstrip = defaults.mask_takes_space;
  }
  return token;
}

std::vector<AddedToken> TokenizerSettings::TokensToAdd(
    const RoleDefaults& defaults) const {
  std::vector<AddedToken> tokens;
  absl::flat_hash_set<std::string> contents;
  for (const auto& [id, added] : added_) {
    contents.insert(added.content);
    tokens.push_back(added);
    tokens.back().special |= IsSpecial(added.content, defaults);
  }
  const auto add = [&](AddedToken token) {
    if (contents.insert(token.content).second) {
      tokens.push_back(std::move(token));
    }
  };
  for (size_t role = 0; role < kNumRoles; ++role) {
    std::optional<AddedToken> token =
        TokenIn(static_cast<Role>(role), defaults);
    if (token.has_value()) add(*std::move(token));
  }
  for (const AddedToken& token : extra_) add(token);
  return tokens;
}

}  // namespace ounce
