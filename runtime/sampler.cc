#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

absl::Status OutOfRange(absl::string_view option, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, " is ", value, "; expected ", expected));
}

}  // namespace

absl::Status CheckSamplerOptions(const SamplerOptions& options) {
  if (!(options.temperature >= 0 && options.temperature <= 100)) {
    return OutOfRange("temperature", options.temperature, "0 to 100");
  }
  if (options.top_k < 0) {
    return OutOfRange("top-k", static_cast<double>(options.top_k),
                      "0 (all) or more");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    return OutOfRange("top-p", options.top_p, "above 0, at most 1");
  }
  if (!(options.min_p >= 0 && options.min_p <= 1)) {
    return OutOfRange("min-p", options.min_p, "0 to 1");
  }
  if (!(options.repetition_penalty > 0 && options.repetition_penalty <= 100)) {
    return OutOfRange("repetition-penalty", options.repetition_penalty,
                      "above 0, at most 100");
  }
  return absl::OkStatus();
}

int32_t ArgMax(absl::Span<const float> values) {
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) -
                              values.begin());
}

absl::StatusOr<int32_t> Sampler::Sample(absl::Span<const float> logits,
                                        absl::Span<const int32_t> seen) {
  if (!std::all_of(logits.begin(), logits.end(),
                   [](float value) { return std::isfinite(value); })) {
    return absl::DataLossError(
        "the model's logits are not finite; check its file with "
        "`ounce inspect --check`");
  }
  logits_.assign(logits.begin(), logits.end());
  if (options_.repetition_penalty != 1.0) Penalize(seen);
  if (options_.temperature == 0) return ArgMax(logits_);
  return Draw();
}

void Sampler::Penalize(absl::Span<const int32_t> seen) {
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  for (const int32_t id :
       absl::flat_hash_set<int32_t>(seen.begin(), seen.end())) {
    float& logit = logits_[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

int32_t Sampler::Draw() {
  candidates_.clear();
  for (size_t id = 0; id < logits_.size(); ++id) {
    candidates_.push_back({logits_[id], static_cast<int32_t>(id)});
  }
  const auto more_probable = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  if (options_.top_k > 0 &&
      options_.top_k < static_cast<int64_t>(candidates_.size())) {
    std::partial_sort(candidates_.begin(), candidates_.begin() + options_.top_k,
                      candidates_.end(), more_probable);
    candidates_.resize(static_cast<size_t>(options_.top_k));
  } else {
    std::sort(candidates_.begin(), candidates_.end(), more_probable);
  }
  // Unnormalised probabilities relative to the first, which has 1.
  std::vector<double> weights;
  double total = 0;
  for (const Candidate& candidate : candidates_) {
    weights.push_back(
        std::exp((double{candidate.logit} - double{candidates_[0].logit}) /
                 options_.temperature));
    total += weights.back();
  }
  size_t kept = 0;
  double sum = 0;
  while (kept < weights.size() && weights[kept] >= options_.min_p &&
         (kept == 0 || sum < options_.top_p * total)) {
    sum += weights[kept++];
  }
  double point = random_.NextDouble() * sum;
  for (size_t i = 0; i + 1 < kept; ++i) {
    point -= weights[i];
    if (point < 0) return candidates_[i].id;
  }
  return candidates_[kept - 1].id;
}

}  // namespace ounce
