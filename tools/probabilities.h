// Logits as probabilities, the most probable first.
#ifndef OUNCE_TOOLS_PROBABILITIES_H_
#define OUNCE_TOOLS_PROBABILITIES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace ounce {

// kDataLoss, of all functions here: a logit is not finite.

// exp(x) over the sum of all of them.
absl::StatusOr<std::vector<double>> Softmax(absl::Span<const float> logits);

// What a classifier's logits say of each label: a share of 1, or, where a text
// may have any number of labels or there is only one, each label's own
// probability, 1 / (1 + exp(-x)).
absl::StatusOr<std::vector<double>> LabelProbabilities(
    absl::Span<const float> logits, bool multi_label);

// Indices of the `count` largest values, the largest first; of equal ones the
// first.  All if there are fewer.
std::vector<size_t> Largest(absl::Span<const double> values, size_t count);

// "0.9987"; small ones keep three digits: "3.21e-07".
std::string FormatProbability(double probability);

}  // namespace ounce

#endif  // OUNCE_TOOLS_PROBABILITIES_H_
