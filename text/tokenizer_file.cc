#include "text/tokenizer_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_split.h"

namespace ounce {
namespace {

constexpr std::array<absl::string_view, kNumRoles> kRoleNames = {
    "bos", "eos", "unk", "sep", "pad", "cls", "mask"};

Json Replace(absl::string_view kind, absl::string_view pattern,
             absl::string_view content) {
  return Component("Replace",
                   {{"pattern", Json::Of({{std::string(kind), pattern}})},
                    {"content", content}});
}

// The token that a word of a template means; empty: none.
std::string TokenOf(absl::string_view word, const TokenizerSettings& settings,
                    const RoleDefaults& defaults) {
  const auto role = std::find(kRoleNames.begin(), kRoleNames.end(), word);
  if (role == kRoleNames.end()) return std::string(word);
  const std::optional<AddedToken> token =
      settings.TokenIn(static_cast<Role>(role - kRoleNames.begin()), defaults);
  return token.has_value() ? token->content : "";
}

// "sep:1" is "sep" with type id 1; without a number it is 0.
std::pair<absl::string_view, int> SplitTypeId(absl::string_view word) {
  const size_t colon = word.size() < 2 ? 0 : word.size() - 2;
  if (colon == 0 || word[colon] != ':') return {word, 0};
  return {word.substr(0, colon), word[colon + 1] - '0'};
}

Json Part(absl::string_view kind, absl::string_view id, int type_id) {
  return Json::Of(
      {{std::string(kind), Json::Of({{"id", id}, {"type_id", type_id}})}});
}

}  // namespace

Json Component(absl::string_view type, std::vector<Json::Member> members) {
  members.insert(members.begin(), {"type", Json(type)});
  return Json::Of(std::move(members));
}

Json SequenceOf(absl::string_view list_key, Json::Array parts) {
  return Component("Sequence",
                   {{std::string(list_key), Json(std::move(parts))}});
}

Json ReplaceText(absl::string_view text, absl::string_view content) {
  return Replace("String", text, content);
}

Json ReplacePattern(absl::string_view pattern, absl::string_view content) {
  return Replace("Regex", pattern, content);
}

AddedTokenList::AddedTokenList(const Vocabulary& vocabulary)
    : vocabulary_(vocabulary) {}

void AddedTokenList::Add(const AddedToken& token) {
  if (token.content.empty()) return;
  if (!IdOf(token.content).has_value()) {
    const size_t id = vocabulary_.size() + new_ids_.size();
    new_ids_.emplace(token.content, static_cast<int32_t>(id));
  }
  tokens_.push_back(Json::Of({{"content", token.content},
                              {"single_word", token.single_word},
                              {"lstrip", token.lstrip},
                              {"rstrip", token.rstrip},
                              {"normalized", token.normalized},
                              {"special", token.special}}));
}

std::optional<int32_t> AddedTokenList::IdOf(absl::string_view content) const {
  if (const auto id = vocabulary_.Find(content)) return id;
  const auto it = new_ids_.find(content);
  if (it == new_ids_.end()) return std::nullopt;
  return it->second;
}

Json TemplateOf(const TemplateWords& words, const TokenizerSettings& settings,
                const RoleDefaults& defaults, const AddedTokenList& tokens) {
  const std::string unknown = TokenOf("unk", settings, defaults);
  Json::Object special;
  const auto parts_of = [&](absl::string_view line) {
    Json::Array parts;
    for (const absl::string_view word : absl::StrSplit(line, ' ')) {
      const auto [name, type_id] = SplitTypeId(word);
      if (name == "A" || name == "B") {
        parts.push_back(Part("Sequence", name, type_id));
        continue;
      }
      const std::string token = TokenOf(name, settings, defaults);
      std::optional<int32_t> id = tokens.IdOf(token);
      if (!id.has_value() && !token.empty()) id = tokens.IdOf(unknown);
      if (!id.has_value()) continue;
      parts.push_back(Part("SpecialToken", token, type_id));
      special.Set(token, Json::Of({{"id", token},
                                   {"ids", Json(Json::Array{Json(*id)})}}));
    }
    return Json(std::move(parts));
  };
  const Json single = parts_of(words.single);
  const Json pair = parts_of(words.pair);
  return Component("TemplateProcessing",
                   {{"single", single},
                    {"pair", pair},
                    {"special_tokens", Json(std::move(special))}});
}

}  // namespace ounce
