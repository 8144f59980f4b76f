// The setting "truncation" of `tokenizer.json`: how a text is cut to what an
// encoder takes.
// Source: huggingface/tokenizers 0.23, src/utils/truncation.rs and
// src/tokenizer/encoding.rs.
#ifndef OUNCE_TEXT_TRUNCATION_H_
#define OUNCE_TEXT_TRUNCATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/json.h"
#include "text/encoding.h"

namespace ounce {

struct Truncation {
  enum class Strategy {
    kLongestFirst,  // The longer of two texts; both where that is not enough.
    kOnlyFirst,
    kOnlySecond,
  };

  int64_t max_length = 512;  // Ids, the post-processor's own counted too.
  Strategy strategy = Strategy::kLongestFirst;
  int64_t stride = 0;        // Ids that neighbouring windows share.
  Side side = Side::kRight;  // Where ids are taken away.
};

// "truncation" of `file`; nullopt where it is missing or null.
// kInvalidArgument: a member is missing, of a wrong type or out of range.
absl::StatusOr<std::optional<Truncation>> ParseTruncation(const Json& file);

// Cuts one text or two, so that they have at most `truncation.max_length` ids
// together.  Each is given as one window and may become several.
// kInvalidArgument: the stride is as long as what is left of a text, the text
// that the strategy names is missing or too short to be cut so far, or the
// windows would have more than 2^28 ids.
absl::Status Truncate(const Truncation& truncation,
                      std::vector<Windows>* texts);

}  // namespace ounce

#endif  // OUNCE_TEXT_TRUNCATION_H_
