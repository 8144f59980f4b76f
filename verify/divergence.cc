#include "verify/divergence.h"

#include <algorithm>
#include <cmath>

#include "runtime/sampler.h"

namespace ounce {
namespace {

// log(sum(exp(logits))).
double LogSumExp(absl::Span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(double{logit} - top);
  return top + std::log(sum);
}

// log(1 / (1 + exp(-x))).
double LogLogistic(double x) {
  return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

Divergence CompareLogits(absl::Span<const float> float_logits,
                         absl::Span<const float> logits, int32_t target) {
  const double float_norm = LogSumExp(float_logits);
  const double norm = LogSumExp(logits);
  double kl = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double p = double{float_logits[i]} - float_norm;
    const double q = double{logits[i]} - norm;
    kl += std::exp(p) * (p - q);
  }
  Divergence result;
  // Rounding may leave a true 0 a hair below it; a NaN stays one.
  result.kl = kl < 0.0 ? 0.0 : kl;
  const auto index = static_cast<size_t>(target);
  result.nll_float = float_norm - double{float_logits[index]};
  result.nll = norm - double{logits[index]};
  result.same_top1 = ArgMax(float_logits) == ArgMax(logits);
  return result;
}

double CompareLabelSets(absl::Span<const float> float_logits,
                        absl::Span<const float> logits) {
  double kl = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const double a = float_logits[i];
    const double b = logits[i];
    const double yes = LogLogistic(a);
    const double no = LogLogistic(-a);
    kl += std::exp(yes) * (yes - LogLogistic(b)) +
          std::exp(no) * (no - LogLogistic(-b));
  }
  return kl < 0.0 ? 0.0 : kl;
}

double LogProbability(absl::Span<const float> logits, int32_t target) {
  return double{logits[static_cast<size_t>(target)]} - LogSumExp(logits);
}

absl::Status LogitsNotFinite() {
  return absl::DataLossError(
      "a model's logits are not finite; check its file with "
      "`ounce inspect --check`");
}

}  // namespace ounce
