// The setting "padding" of `tokenizer.json`: how the texts of a batch are made
// equally long.
// Source: huggingface/tokenizers 0.23, src/utils/padding.rs.
#ifndef OUNCE_TEXT_PADDING_H_
#define OUNCE_TEXT_PADDING_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/json.h"
#include "text/encoding.h"

namespace ounce {

struct Padding {
  std::optional<int64_t> length;  // nullopt: that of the batch's longest text.
  int64_t multiple_of = 1;        // The length is rounded up to one.
  Side side = Side::kRight;       // Where padding is added.
  int32_t id = 0;
  int32_t type_id = 0;
};

// "padding" of `file`; nullopt where it is missing or null.
// kInvalidArgument: a member is missing, of a wrong type or out of range.
absl::StatusOr<std::optional<Padding>> ParsePadding(const Json& file);

// Adds padding, with attention mask 0, to every window of every text.  What is
// longer already stays as it is.
// kInvalidArgument: padding would add more than kMaxWindowIds ids.
absl::Status Pad(const Padding& padding, std::vector<Windows>* batch);

}  // namespace ounce

#endif  // OUNCE_TEXT_PADDING_H_
