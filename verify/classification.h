// How far the labels that a compressed classifier gives are from the float
// one's, and how often either is right.
#ifndef OUNCE_VERIFY_CLASSIFICATION_H_
#define OUNCE_VERIFY_CLASSIFICATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "verify/bootstrap.h"
#include "verify/text_lines.h"

namespace ounce {

// What a classifier decides of a text or a token: for each label whether it is
// given.  One label has the highest logit, the first of equals; of labels that
// do not exclude each other (ModelSpec::multi_label, or a label that is alone)
// those are given whose logit is above 0, a probability above one half.
using Verdict = std::vector<bool>;

// Whether labels of `spec` do not exclude each other.
bool HasIndependentLabels(const ModelSpec& spec);

Verdict Decide(absl::Span<const float> logits, bool independent);

// A label by its name or, if none is called so, its number from 0; of
// independent labels any number of them with commas between, perhaps none.
// kInvalidArgument naming the label that the model has not.
absl::StatusOr<Verdict> ParseVerdict(absl::string_view text,
                                     const ModelSpec& spec);

struct ClassificationLoss {
  int64_t lines = 0;
  int64_t lines_cut = 0;
  int64_t items = 0;  // Texts, or tokens that are not special.
  // Means over items; lines are resampled.
  Estimate kl;     // KL(float || compressed) over the labels, nats.
  Estimate flips;  // Share of items whose verdicts differ.
  int64_t num_flips = 0;
  Percentiles kl_percentiles;
  // Of texts whose lines have labels: shares of verdicts that are right, and
  // their difference, compressed minus float.
  std::optional<Estimate> accuracy_float, accuracy, accuracy_difference;
};

// Of HeadKind::kSequenceLabels the item is the line, of kTokenLabels each of
// its tokens.  Either all lines have labels or none has.
// kInvalidArgument: the models are not comparable; a line cannot be encoded;
// its label is none of the model's, or the models label tokens and not texts;
// no line has a token to label.
// kDataLoss: a model's logits are not finite.
absl::StatusOr<ClassificationLoss> CompareClassification(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options);

}  // namespace ounce

#endif  // OUNCE_VERIFY_CLASSIFICATION_H_
