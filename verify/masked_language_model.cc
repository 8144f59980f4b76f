#include "verify/masked_language_model.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "verify/encoder_pair.h"

namespace ounce {
namespace {

// The ids themselves, special ones as -1.
std::vector<int32_t> Targets(const Encoding& text, const Tokenizer& tokenizer) {
  std::vector<int32_t> targets = text.ids;
  for (int32_t& id : targets) {
    if (tokenizer.IsSpecial(id)) id = -1;
  }
  return targets;
}

}  // namespace

absl::StatusOr<PredictionLoss> CompareMaskedPredictions(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options, int64_t* cut) {
  PredictionTally tally(subjects.context);
  bool any = false;
  OUNCE_ASSIGN_OR_RETURN(
      *cut,
      ReadEachLine(
          subjects, lines, options,
          [&](const TextLine&, const Encoding& text, EncoderPair* encoders) {
            const std::vector<int32_t> targets =
                Targets(text, subjects.tokenizer);
            any = any || *std::max_element(targets.begin(), targets.end()) >= 0;
            return tally.AddUnit(
                {&encoders->float_executor(), encoders->float_states().hidden},
                {&encoders->executor(), encoders->states().hidden}, targets);
          }));
  if (any) return tally.Finish();
  return absl::InvalidArgumentError(
      "no line has a token that is not special; give other texts");
}

}  // namespace ounce
