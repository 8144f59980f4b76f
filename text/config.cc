#include "text/config.h"

#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/utf8.h"
#include "text/quote.h"

namespace ounce {

absl::StatusOr<std::string> GetCharacter(const Json& config,
                                         absl::string_view key) {
  OUNCE_ASSIGN_OR_RETURN(std::string text, config.GetString(key));
  if (text.empty() || DecodeUtf8(text, 0).num_bytes != text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", key, "\" is ", Quote(text), "; expected one character"));
  }
  return text;
}

absl::StatusOr<int64_t> GetSize(const Json& config, absl::string_view key) {
  const Json* value = config.Find(key);
  constexpr double kTooLarge = 9223372036854775808.0;  // 2^63
  if (value != nullptr && value->AsDouble().value_or(0) >= kTooLarge) {
    return std::numeric_limits<int64_t>::max();
  }
  OUNCE_ASSIGN_OR_RETURN(const int64_t size, config.GetInt(key));
  if (size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\" is ", size, "; expected 0 or more"));
  }
  return size;
}

absl::StatusOr<int32_t> ToTokenId(const Json& value) {
  const std::optional<int64_t> id = value.AsInt();
  if (!id.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the id is of type ", value.TypeName(), "; expected an integer"));
  }
  if (*id < 0 || *id >= kMaxTokenIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the id is ", *id, "; expected one from 0 to ", kMaxTokenIds - 1));
  }
  return static_cast<int32_t>(*id);
}

}  // namespace ounce
