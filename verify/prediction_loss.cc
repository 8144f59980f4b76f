#include "verify/prediction_loss.h"

#include <algorithm>
#include <cmath>

#include "core/status_macros.h"

namespace ounce {
namespace {

// Positions whose logits are held at a time: with a vocabulary of 128k entries
// two such blocks take 32 MiB.
constexpr int64_t kLogitRows = 32;

// Sums over one unit, in the order of the columns that are resampled.
enum Column { kCount, kKl, kSameTop1, kNllFloat, kNll, kNumColumns };

std::vector<double> Metrics(absl::Span<const double> means) {
  const double count = means[kCount];
  const double nll_float = means[kNllFloat] / count;
  const double nll = means[kNll] / count;
  return {means[kKl] / count, means[kSameTop1] / count, std::exp(nll_float),
          std::exp(nll), std::exp(nll - nll_float)};
}

}  // namespace

absl::Status PredictionTally::AddUnit(const PredictingStates& float_states,
                                      const PredictingStates& states,
                                      absl::Span<const int32_t> targets) {
  unit_.assign(kNumColumns, 0.0);
  const auto rows = static_cast<int64_t>(targets.size());
  for (int64_t begin = 0; begin < rows; begin += kLogitRows) {
    const int64_t count = std::min(kLogitRows, rows - begin);
    OUNCE_RETURN_IF_ERROR(AddRows(
        float_states, states,
        targets.subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
        begin));
  }
  rows_.insert(rows_.end(), unit_.begin(), unit_.end());
  return absl::OkStatus();
}

absl::Status PredictionTally::AddRows(const PredictingStates& float_states,
                                      const PredictingStates& states,
                                      absl::Span<const int32_t> targets,
                                      int64_t begin) {
  const auto count = static_cast<int64_t>(targets.size());
  const int64_t vocab = states.executor->spec().vocab;
  float_logits_.Resize(count, vocab);
  logits_.Resize(count, vocab);
  float_states.executor->Logits(float_states.hidden.Rows(begin, begin + count),
                                float_logits_.view());
  states.executor->Logits(states.hidden.Rows(begin, begin + count),
                          logits_.view());
  positions_.resize(targets.size());
  context_.pool().Run(count, [&](int64_t i, int) {
    const auto index = static_cast<size_t>(i);
    if (targets[index] < 0) return;
    const auto size = static_cast<size_t>(vocab);
    positions_[index] = CompareLogits(
        absl::MakeConstSpan(float_logits_.row(i), size),
        absl::MakeConstSpan(logits_.row(i), size), targets[index]);
  });
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0) continue;
    const Divergence& position = positions_[i];
    if (!std::isfinite(position.kl) || !std::isfinite(position.nll)) {
      return LogitsNotFinite();
    }
    unit_[kCount] += 1.0;
    unit_[kKl] += position.kl;
    unit_[kSameTop1] += position.same_top1 ? 1.0 : 0.0;
    unit_[kNllFloat] += position.nll_float;
    unit_[kNll] += position.nll;
    kl_.push_back(position.kl);
  }
  return absl::OkStatus();
}

PredictionLoss PredictionTally::Finish() {
  PredictionLoss loss;
  loss.units = static_cast<int64_t>(rows_.size()) / kNumColumns;
  loss.tokens_scored = static_cast<int64_t>(kl_.size());
  const std::vector<Estimate> estimates =
      BootstrapMeans(rows_, kNumColumns, Metrics);
  loss.kl = estimates[0];
  loss.same_top1 = estimates[1];
  loss.ppl_float = estimates[2];
  loss.ppl = estimates[3];
  loss.ppl_ratio = estimates[4];
  loss.kl_percentiles = PercentilesOf(&kl_);
  return loss;
}

}  // namespace ounce
