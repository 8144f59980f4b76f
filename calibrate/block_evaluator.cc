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
  const int64_t count = std::clamp<int64_t>(sample_tokens / mean, 1, windows);
  std::vector<int64_t> sample;
  for (int64_t i = 0; i < count; ++i) sample.push_back(i * windows / count);
  return sample;
}

double RelativeError(const float* expected, const float* got, int64_t width) {
  double square = 0.0;
  double error = 0.0;
  for (int64_t c = 0; c < width; ++c) {
    const double difference = double{got[c]} - double{expected[c]};
    square += double{expected[c]} * double{expected[c]};
    error += difference * difference;
  }
  // Not for a NaN, which is to stay one.
  return square == 0.0 ? 0.0 : error / square;
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
  int64_t tokens = 0;
  Matrix residual;
  for (size_t i = 0; i < windows_.size(); ++i) {
    OUNCE_RETURN_IF_ERROR(run_.inputs->Read(windows_[i], &residual));
    run_.executor->RunLayer(layer, run_.index, nullptr, &residual);
    for (int64_t t = 0; t < residual.rows(); ++t) {
      sum +=
          RelativeError(outputs_[i].row(t), residual.row(t), residual.cols());
    }
    tokens += residual.rows();
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace ounce
