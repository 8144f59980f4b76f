#include "tools/language_tokens.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace ounce {
namespace {

bool IsLowerCode(absl::string_view code) {
  return code.size() >= 2 && code.size() <= 3 &&
         std::all_of(code.begin(), code.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c));
         });
}

std::string ListLanguages(const Tokenizer& tokenizer) {
  std::string list;
  const auto size = static_cast<int32_t>(tokenizer.vocab_size());
  for (int32_t id = 0; id < size; ++id) {
    if (!tokenizer.IsSpecial(id)) continue;
    const std::string token = tokenizer.Decode({&id, 1}, false);
    if (!IsLanguageToken(token)) continue;
    absl::StrAppend(&list, list.empty() ? "" : ", ", token);
  }
  return list;
}

}  // namespace

bool IsLanguageToken(absl::string_view token) {
  absl::string_view inner = token;
  if (absl::ConsumePrefix(&inner, "__")) {
    return absl::ConsumeSuffix(&inner, "__") && IsLowerCode(inner);
  }
  const size_t line = token.find('_');
  if (line == absl::string_view::npos || !IsLowerCode(token.substr(0, line))) {
    return false;
  }
  const absl::string_view region = token.substr(line + 1);
  return region.size() >= 2 && region.size() <= 4 &&
         absl::ascii_isupper(static_cast<unsigned char>(region[0])) &&
         std::all_of(region.begin(), region.end(), [](char c) {
           return absl::ascii_isalpha(static_cast<unsigned char>(c));
         });
}

absl::StatusOr<int32_t> FindLanguage(const Tokenizer& tokenizer,
                                     const std::string& language) {
  const std::optional<int32_t> id = tokenizer.TokenToId(language);
  if (id.has_value() && IsLanguageToken(language)) return *id;
  const std::string list = ListLanguages(tokenizer);
  return absl::InvalidArgumentError(
      list.empty()
          ? "the model's tokenizer has no tokens for languages; leave it out, "
            "and say the language in the text if the model wants that"
          : absl::StrCat("'", language, "' is none of the model's languages, ",
                         list));
}

}  // namespace ounce
