// How two models' predictions of one token differ.
#ifndef OUNCE_VERIFY_DIVERGENCE_H_
#define OUNCE_VERIFY_DIVERGENCE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace ounce {

// At one position; natural logarithms, log-softmax over the whole vocabulary
// with f64 sums.
struct Divergence {
  double kl = 0.0;         // KL(float || compressed), nats; never below 0.
  double nll_float = 0.0;  // -log p(target), nats.
  double nll = 0.0;
  bool same_top1 = false;  // Ties go to the lowest id.
};

// `target` is the token that follows; both spans cover the vocabulary.  A NaN
// or infinity in the logits gives a KL that is not finite.
Divergence CompareLogits(absl::Span<const float> float_logits,
                         absl::Span<const float> logits, int32_t target);

// Of labels of which a text has any number: the sum of KL(float || compressed)
// of each label's own yes or no, whose probability is the logistic function of
// its logit.  Nats; never below 0; not finite if a logit is not.
double CompareLabelSets(absl::Span<const float> float_logits,
                        absl::Span<const float> logits);

// log p(target) under softmax of `logits`.
double LogProbability(absl::Span<const float> logits, int32_t target);

// kDataLoss: what a comparison that is not finite means.
absl::Status LogitsNotFinite();

}  // namespace ounce

#endif  // OUNCE_VERIFY_DIVERGENCE_H_
