// What happens to the matches when a text is cut at them.
// Source: `SplitDelimiterBehavior` of huggingface/tokenizers.
#ifndef OUNCE_TEXT_SPLIT_H_
#define OUNCE_TEXT_SPLIT_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/json.h"
#include "text/pattern.h"
#include "text/text_pieces.h"

namespace ounce {

// "the-final--countdown" cut at "-":
enum class SplitBehavior {
  kRemoved,             // the final countdown
  kIsolated,            // the - final - - countdown
  kMergedWithPrevious,  // the- final- - countdown
  kMergedWithNext,      // the -final - -countdown
  kContiguous,          // the - final -- countdown
};

// The member "behavior" of `config`, `fallback` where it is missing.
absl::StatusOr<SplitBehavior> ParseBehavior(const Json& config,
                                            SplitBehavior fallback);

// Appends the parts of `piece` to `out`.
void AppendSplit(const TextPiece& piece, std::vector<Segment> segments,
                 SplitBehavior behavior, std::vector<TextPiece>* out);

}  // namespace ounce

#endif  // OUNCE_TEXT_SPLIT_H_
