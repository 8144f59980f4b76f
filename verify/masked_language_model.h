// How far the predictions of a compressed masked language model are from the
// float one's at every token of a text, nothing of it masked.  That is no
// pseudo-perplexity (Salazar et al., arXiv:1910.14659), which would take a pass
// for every token: each prediction sees the token that it predicts, and is
// surer than at a mask.
#ifndef OUNCE_VERIFY_MASKED_LANGUAGE_MODEL_H_
#define OUNCE_VERIFY_MASKED_LANGUAGE_MODEL_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "verify/prediction_loss.h"
#include "verify/text_lines.h"

namespace ounce {

// At the tokens of each line that are not special; the result's units are
// lines.  Its perplexities are of the tokens that are there to be seen and mean
// nothing.  `cut` is set to the number of lines that were cut.
// kInvalidArgument: the models are not comparable; a line cannot be encoded; no
// line has a token that is not special.
// kDataLoss: a model's logits are not finite.
absl::StatusOr<PredictionLoss> CompareMaskedPredictions(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options, int64_t* cut);

}  // namespace ounce

#endif  // OUNCE_VERIFY_MASKED_LANGUAGE_MODEL_H_
