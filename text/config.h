// Reads settings of a component of `tokenizer.json` that are not plain JSON
// types.  Errors name the setting; the loader adds which component it is.
#ifndef OUNCE_TEXT_CONFIG_H_
#define OUNCE_TEXT_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"

namespace ounce {

// Ids from 0 to this one less are accepted; published vocabularies stay below
// 2^19.
constexpr int64_t kMaxTokenIds = int64_t{1} << 24;

// A string of exactly one character.
absl::StatusOr<std::string> GetCharacter(const Json& config,
                                         absl::string_view key);

// `value` as a token id.
absl::StatusOr<int32_t> ToTokenId(const Json& value);

}  // namespace ounce

#endif  // OUNCE_TEXT_CONFIG_H_
