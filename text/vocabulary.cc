#include "text/vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "text/config.h"
#include "text/quote.h"

namespace ounce {

absl::StatusOr<Vocabulary> Vocabulary::Parse(const Json& object) {
  const Json::Object* entries = object.AsObject();
  if (entries == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"vocab\" is of type ", object.TypeName(),
                     "; expected an object of token: id"));
  }
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(entries->size());
  vocabulary.tokens_.reserve(entries->size());
  for (const auto& [token, value] : entries->members()) {
    const absl::StatusOr<int32_t> id = ToTokenId(value);
    if (!id.ok()) {
      return Annotate(id.status(),
                      absl::StrCat("\"vocab\" token ", Quote(token)));
    }
    const auto [it, inserted] = vocabulary.tokens_.try_emplace(*id, token);
    if (!inserted) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"vocab\" gives id ", *id, " to both ", Quote(it->second), " and ",
          Quote(token), "; expected distinct ids"));
    }
    vocabulary.ids_.emplace(token, *id);
    vocabulary.id_limit_ = std::max(vocabulary.id_limit_, *id + 1);
  }
  return vocabulary;
}

std::optional<int32_t> Vocabulary::Find(absl::string_view token) const {
  const auto it = ids_.find(token);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

const std::string* Vocabulary::TokenOf(int32_t id) const {
  const auto it = tokens_.find(id);
  return it == tokens_.end() ? nullptr : &it->second;
}

}  // namespace ounce
