// What a text, or a pair of texts, becomes: ids and what goes with each of
// them.
#ifndef OUNCE_TEXT_ENCODING_H_
#define OUNCE_TEXT_ENCODING_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace ounce {

// What is encoded together: a text, or a question and its passage, say.
struct TextPair {
  absl::string_view first;
  std::optional<absl::string_view> second;
};

enum class Side { kLeft, kRight };

// All three lists have one size.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;        // Which of the texts an id belongs to.
  std::vector<int32_t> attention_mask;  // 1; 0 for padding.

  Encoding() = default;
  Encoding(std::vector<int32_t> of_ids, int32_t type_id)
      : ids(std::move(of_ids)),
        type_ids(ids.size(), type_id),
        attention_mask(ids.size(), 1) {}

  size_t size() const { return ids.size(); }
  void Append(const Encoding& other) {
    ids.insert(ids.end(), other.ids.begin(), other.ids.end());
    type_ids.insert(type_ids.end(), other.type_ids.begin(),
                    other.type_ids.end());
    attention_mask.insert(attention_mask.end(), other.attention_mask.begin(),
                          other.attention_mask.end());
  }
};

// The first is what a model gets; the others, which are there only where a text
// was truncated, are windows over what was cut off.
using Windows = std::vector<Encoding>;

// The most ids that the windows of one text may have together.
constexpr int64_t kMaxWindowIds = int64_t{1} << 28;

}  // namespace ounce

#endif  // OUNCE_TEXT_ENCODING_H_
