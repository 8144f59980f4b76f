// Reads settings of a component of `tokenizer.json` that are not plain JSON
// types.  Errors name the setting; the loader adds which component it is.
#ifndef OUNCE_TEXT_CONFIG_H_
#define OUNCE_TEXT_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "text/encoding.h"
#include "text/quote.h"

namespace ounce {

// Ids from 0 to this one less are accepted; published vocabularies stay below
// 2^19.
constexpr int64_t kMaxTokenIds = int64_t{1} << 24;

// A string of exactly one character.
absl::StatusOr<std::string> GetCharacter(const Json& config,
                                         absl::string_view key);

// A count of ids, 0 or more.  One beyond int64_t is the largest of them.
absl::StatusOr<int64_t> GetSize(const Json& config, absl::string_view key);

template <typename Enum>
struct EnumName {
  absl::string_view name;
  Enum value;
};

constexpr EnumName<Side> kSides[] = {
    {"Left", Side::kLeft},
    {"Right", Side::kRight},
};

// The one of `names` that the string `key` is.
template <typename Enum>
absl::StatusOr<Enum> GetEnum(const Json& config, absl::string_view key,
                             absl::Span<const EnumName<Enum>> names) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text, config.GetString(key));
  std::string expected;
  for (const EnumName<Enum>& row : names) {
    if (row.name == text) return row.value;
    absl::StrAppend(&expected, expected.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", key, "\" is ", Quote(text), "; expected one of ", expected));
}

// `value` as a token id.
absl::StatusOr<int32_t> ToTokenId(const Json& value);

}  // namespace ounce

#endif  // OUNCE_TEXT_CONFIG_H_
