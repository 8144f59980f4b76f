#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "absl/base/casts.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// How many candidates are put in order at first, and by what factor more each
// time that these are not enough.
constexpr size_t kFirstRanked = 64;
constexpr size_t kMoreRanked = 16;
// Where more than this are asked for, sorting all is faster.
constexpr size_t kMaxPartlyRanked = 4096;

constexpr double kMaxFloat = std::numeric_limits<float>::max();

// exp(x) for x <= 0, to a relative error of 3e-7; 1e-38 at the least.  Unlike
// std::exp() it can be computed for several values at a time.
float FastExp(float x) {
  // x = (power + rest) * log(2) with rest in [-1/2, 1/2].
  const float scaled = std::max(x, -87.0f) * 1.44269504f;
  const auto power = static_cast<int32_t>(scaled - 0.5f);
  const float rest = scaled - static_cast<float>(power);
  // The Taylor series of 2^rest: log(2)^n / n!.
  float sum = 1.54035304e-4f;
  sum = sum * rest + 1.33335581e-3f;
  sum = sum * rest + 9.61812911e-3f;
  sum = sum * rest + 5.55041087e-2f;
  sum = sum * rest + 2.40226507e-1f;
  sum = sum * rest + 6.93147181e-1f;
  sum = sum * rest + 1.0f;
  return sum * absl::bit_cast<float>((power + 127) << 23);
}

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
  const double penalty = options_.repetition_penalty;
  for (const int32_t id :
       absl::flat_hash_set<int32_t>(seen.begin(), seen.end())) {
    float& logit = logits_[static_cast<size_t>(id)];
    const double changed =
        logit > 0 ? double{logit} / penalty : double{logit} * penalty;
    logit = static_cast<float>(std::clamp(changed, -kMaxFloat, kMaxFloat));
  }
}

void Sampler::Collect() {
  candidates_.resize(logits_.size());
  for (size_t id = 0; id < logits_.size(); ++id) {
    candidates_[id] = {logits_[id], static_cast<int32_t>(id)};
  }
  num_ranked_ = 0;
  const auto top_k = static_cast<size_t>(options_.top_k);
  if (top_k > 0 && top_k < candidates_.size()) {
    Ranked(top_k - 1);
    candidates_.resize(top_k);
    num_ranked_ = top_k;
  }
}

const Sampler::Candidate& Sampler::Ranked(size_t rank) {
  const auto more_probable = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  while (rank >= num_ranked_) {
    const size_t more = std::max(kFirstRanked, kMoreRanked * num_ranked_);
    const auto first =
        candidates_.begin() + static_cast<std::ptrdiff_t>(num_ranked_);
    if (more <= std::min(kMaxPartlyRanked, candidates_.size())) {
      const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(more);
      std::partial_sort(first, last, candidates_.end(), more_probable);
      num_ranked_ = more;
    } else {
      std::sort(first, candidates_.end(), more_probable);
      num_ranked_ = candidates_.size();
    }
  }
  return candidates_[rank];
}

double Sampler::WeightOf(const Candidate& candidate) const {
  return std::exp((double{candidate.logit} - double{max_logit_}) /
                  options_.temperature);
}

void Sampler::WeighAll() {
  weights_.resize(logits_.size());
  // Never infinite: the best logit's distance of 0 stays 0.
  const auto scale =
      static_cast<float>(std::min(1 / options_.temperature, kMaxFloat));
  for (size_t id = 0; id < logits_.size(); ++id) {
    weights_[id] = FastExp((logits_[id] - max_logit_) * scale);
  }
}

double Sampler::SumWeights() {
  double sum = 0;
  if (candidates_.size() < logits_.size()) {
    for (const Candidate& candidate : candidates_) sum += WeightOf(candidate);
    return sum;
  }
  WeighAll();
  return std::accumulate(weights_.begin(), weights_.end(), 0.0);
}

int32_t Sampler::Draw() {
  max_logit_ = logits_[static_cast<size_t>(ArgMax(logits_))];
  const bool keeps_all =
      options_.top_k == 0 && options_.top_p == 1 && options_.min_p == 0;
  return keeps_all ? DrawFromAll() : DrawFromBest();
}

int32_t Sampler::DrawFromAll() {
  WeighAll();
  double point = random_.NextDouble() *
                 std::accumulate(weights_.begin(), weights_.end(), 0.0);
  for (size_t id = 0; id < weights_.size(); ++id) {
    point -= double{weights_[id]};
    if (point < 0) return static_cast<int32_t>(id);
  }
  return ArgMax(logits_);  // Rounding went past the last.
}

int32_t Sampler::DrawFromBest() {
  Collect();
  const double enough = options_.top_p < 1
                            ? options_.top_p * SumWeights()
                            : std::numeric_limits<double>::infinity();
  size_t kept = 0;
  double sum = 0;
  while (kept < candidates_.size() && sum < enough) {
    const double weight = WeightOf(Ranked(kept));
    if (weight < options_.min_p) break;
    sum += weight;
    ++kept;
  }
  double point = random_.NextDouble() * sum;
  for (size_t rank = 0; rank + 1 < kept; ++rank) {
    point -= WeightOf(Ranked(rank));
    if (point < 0) return Ranked(rank).id;
  }
  return Ranked(kept - 1).id;
}

}  // namespace ounce
