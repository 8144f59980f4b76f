// How far the predictions of a compressed encoder-decoder are from the float
// one's: the target of each source, token by token, each given those before it
// (teacher forcing).
#ifndef OUNCE_VERIFY_SEQUENCE_TO_SEQUENCE_H_
#define OUNCE_VERIFY_SEQUENCE_TO_SEQUENCE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "verify/prediction_loss.h"
#include "verify/text_lines.h"

namespace ounce {

// The most tokens of a target that the float model writes.
inline constexpr int64_t kMaxWrittenTokens = 64;

// The ids that a decoder should give for `text`, the end included: the id that
// the model begins with if one is forced and the text's without special tokens,
// or with them; and the end unless it is there.  Cut to `context`; `cut` as of
// EncodeCut().
absl::StatusOr<std::vector<int32_t>> EncodeTarget(absl::string_view text,
                                                  const ModelSpec& spec,
                                                  const Tokenizer& tokenizer,
                                                  int64_t context,
                                                  int64_t* cut);

struct SequenceToSequenceLoss {
  PredictionLoss predictions;  // At every token of a target; units are lines.
  int64_t lines_cut = 0;       // Whose source or target was too long.
  int64_t written = 0;         // Lines whose target the float model wrote.
};

// Each line is a source and perhaps a target.  Without one the target is what
// the float model writes, the most probable token each time, until it ends, or
// kMaxWrittenTokens or the model's own limit are there.
// kInvalidArgument: the models are not comparable; a line cannot be encoded.
// kDataLoss: a model's logits are not finite.
absl::StatusOr<SequenceToSequenceLoss> CompareSequenceToSequence(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options);

}  // namespace ounce

#endif  // OUNCE_VERIFY_SEQUENCE_TO_SEQUENCE_H_
