#include "tools/probabilities.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

absl::Status CheckFinite(absl::Span<const float> logits) {
  if (std::all_of(logits.begin(), logits.end(),
                  [](float value) { return std::isfinite(value); })) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      "the model's logits are not finite; check its file with "
      "`ounce inspect --check`");
}

}  // namespace

absl::StatusOr<std::vector<double>> Softmax(absl::Span<const float> logits) {
  OUNCE_RETURN_IF_ERROR(CheckFinite(logits));
  std::vector<double> shares(logits.begin(), logits.end());
  const double largest = *std::max_element(shares.begin(), shares.end());
  for (double& share : shares) share = std::exp(share - largest);
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

absl::StatusOr<std::vector<double>> LabelProbabilities(
    absl::Span<const float> logits, bool multi_label) {
  if (!multi_label && logits.size() > 1) return Softmax(logits);
  OUNCE_RETURN_IF_ERROR(CheckFinite(logits));
  std::vector<double> probabilities;
  for (const float logit : logits) {
    probabilities.push_back(1.0 / (1.0 + std::exp(-double{logit})));
  }
  return probabilities;
}

std::vector<size_t> Largest(absl::Span<const double> values, size_t count) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  count = std::min(count, order.size());
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(order.begin(), end, order.end(), [&](size_t a, size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  });
  order.resize(count);
  return order;
}

std::string FormatProbability(double probability) {
  return probability < 0.001 && probability > 0
             ? absl::StrFormat("%.2e", probability)
             : absl::StrFormat("%.4f", probability);
}

}  // namespace ounce
