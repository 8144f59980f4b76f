#include "calibrate/block_evaluator.h"

#include <algorithm>
#include <utility>

#include "core/status_macros.h"

namespace ounce {
namespace {

// Windows evenly from all, of about `sample_tokens` tokens together, at least
// one.
std::vector<int64_t> SampleWindows(const ActivationStore& inputs,
                                   int64_t sample_tokens) {
  const int64_t windows = inputs.windows();
  const int64_t mean = std::max<int64_t>(1, inputs.total_tokens() / windows);
  const int64_t count =
      std::clamp<int64_t>(sample_tokens / mean, 1, windows);
  std::vector<int64_t> sample;
  for (int64_t i = 0; i < count; ++i) sample.push_back(i * windows / count);
  return sample;
}

}  // namespace

absl::StatusOr<BlockEvaluator> BlockEvaluator::Create(const LayerRun& run,
                                                      int64_t sample_tokens) {
  BlockEvaluator evaluator(run);
  evaluator.windows_ = SampleWindows(*run.inputs, sample_tokens);
  for (const int64_t window : evaluator.windows_) {
    Matrix residual;
    OUNCE_RETURN_IF_ERROR(run.inputs->Read(window, &residual));
    run.executor->RunLayer(*run.layer, run.index, nullptr, &residual);
    evaluator.outputs_.push_back(std::move(residual));
  }
  return evaluator;
}

absl::StatusOr<double> BlockEvaluator::OutputError(
    const LayerWeights& layer) const {
  double sum = 0.0;
  int64_t values = 0;
  Matrix residual;
  for (size_t i = 0; i < windows_.size(); ++i) {
    OUNCE_RETURN_IF_ERROR(run_.inputs->Read(windows_[i], &residual));
    run_.executor->RunLayer(layer, run_.index, nullptr, &residual);
    const absl::Span<const float> got = residual.values();
    const absl::Span<const float> expected = outputs_[i].values();
    for (size_t v = 0; v < got.size(); ++v) {
      const double error = double{got[v]} - double{expected[v]};
      sum += error * error;
    }
    values += static_cast<int64_t>(got.size());
  }
  return sum / static_cast<double>(values);
}

}  // namespace ounce
