#include "text/tokenizer.h"

#include <utility>

#include "core/status_macros.h"
#include "text/post_processor.h"

namespace ounce {

absl::StatusOr<Windows> Tokenizer::EncodeWindows(
    const TextPair& texts, const EncodeOptions& options) const {
  Parts parts;
  OUNCE_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                         Encode(texts.first, options.add_special_tokens));
  parts.push_back({Encoding(std::move(ids), 0)});
  if (texts.second.has_value()) {
    OUNCE_ASSIGN_OR_RETURN(ids,
                           Encode(*texts.second, options.add_special_tokens));
    parts.push_back({Encoding(std::move(ids), 1)});
  }
  if (options.truncation.has_value()) {
    OUNCE_RETURN_IF_ERROR(Truncate(*options.truncation, &parts));
  }
  return JoinParts(std::move(parts));
}

absl::StatusOr<Encoding> Tokenizer::EncodePair(absl::string_view first,
                                               absl::string_view second,
                                               bool add_special_tokens) const {
  OUNCE_ASSIGN_OR_RETURN(
      Windows windows,
      EncodeWindows({first, second}, {add_special_tokens, std::nullopt}));
  return std::move(windows.front());
}

const BatchSettings& Tokenizer::batch_settings() const {
  static const BatchSettings& none = *new BatchSettings;
  return none;
}

}  // namespace ounce
