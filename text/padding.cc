#include "text/padding.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/status_macros.h"
#include "text/config.h"

namespace ounce {
namespace {

// Of a padded text.  Published files pad to some hundred ids.
constexpr int64_t kMaxLength = int64_t{1} << 24;

absl::StatusOr<int64_t> CheckLength(absl::string_view what, int64_t length) {
  if (length <= kMaxLength) return length;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", what, "\" is ", length, "; expected at most ", kMaxLength));
}

// "BatchLongest" or {"Fixed": 128}.
absl::StatusOr<std::optional<int64_t>> ParseStrategy(const Json& config) {
  const Json* strategy = config.Find("strategy");
  if (strategy != nullptr && strategy->Find("Fixed") != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t length, GetSize(*strategy, "Fixed"));
    return CheckLength("Fixed", length);
  }
  const std::string* name = strategy ? strategy->AsString() : nullptr;
  if (name != nullptr && *name == "BatchLongest") return std::nullopt;
  return absl::InvalidArgumentError(
      "\"strategy\" is missing or unknown; expected \"BatchLongest\" or "
      "{\"Fixed\": length}");
}

absl::StatusOr<int32_t> ParseId(const Json& config, absl::string_view key) {
  const Json* id = config.Find(key);
  return Annotate(ToTokenId(id != nullptr ? *id : Json()),
                  absl::StrCat("\"", key, "\""));
}

absl::StatusOr<Padding> Parse(const Json& config) {
  Padding padding;
  OUNCE_ASSIGN_OR_RETURN(padding.length, ParseStrategy(config));
  OUNCE_ASSIGN_OR_RETURN(
      padding.side, GetEnum(config, "direction", absl::MakeConstSpan(kSides)));
  const Json* multiple = config.Find("pad_to_multiple_of");
  if (multiple != nullptr && !multiple->is_null()) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t of,
                           GetSize(config, "pad_to_multiple_of"));
    OUNCE_ASSIGN_OR_RETURN(padding.multiple_of,
                           CheckLength("pad_to_multiple_of", of));
    padding.multiple_of = std::max<int64_t>(padding.multiple_of, 1);
  }
  OUNCE_ASSIGN_OR_RETURN(padding.id, ParseId(config, "pad_id"));
  OUNCE_ASSIGN_OR_RETURN(padding.type_id, ParseId(config, "pad_type_id"));
  return padding;
}

void PadTo(size_t length, const Padding& padding, Encoding* encoding) {
  if (encoding->size() >= length) return;
  const size_t count = length - encoding->size();
  const auto add = [&](int32_t value, std::vector<int32_t>* list) {
    list->insert(padding.side == Side::kLeft ? list->begin() : list->end(),
                 count, value);
  };
  add(padding.id, &encoding->ids);
  add(padding.type_id, &encoding->type_ids);
  add(0, &encoding->attention_mask);
}

}  // namespace

absl::StatusOr<std::optional<Padding>> ParsePadding(const Json& file) {
  const Json* config = file.Find("padding");
  if (config == nullptr || config->is_null()) return std::nullopt;
  OUNCE_ASSIGN_OR_RETURN(const Padding padding,
                         Annotate(Parse(*config), "padding"));
  return padding;
}

absl::Status Pad(const Padding& padding, std::vector<Windows>* batch) {
  int64_t length = padding.length.value_or(0);
  int64_t num_windows = 0;
  for (const Windows& text : *batch) {
    num_windows += static_cast<int64_t>(text.size());
    if (!padding.length.has_value()) {
      length = std::max(length, static_cast<int64_t>(text.front().size()));
    }
  }
  length = RoundUp(length, padding.multiple_of);
  const auto num_ids = CheckedMul(length, num_windows);
  if (!num_ids.has_value() || *num_ids > kMaxWindowIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        num_windows, " windows padded to ", length, " ids have more than ",
        kMaxWindowIds, "; pad a smaller batch"));
  }
  for (Windows& text : *batch) {
    for (Encoding& window : text) {
      PadTo(static_cast<size_t>(length), padding, &window);
    }
  }
  return absl::OkStatus();
}

}  // namespace ounce
