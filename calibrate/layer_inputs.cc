#include "calibrate/layer_inputs.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "core/status_macros.h"
#include "runtime/activation_observer.h"

namespace ounce {
namespace {

class Collector : public ActivationObserver {
 public:
  Collector(KernelContext* context, absl::Span<const SharedInput> wanted,
            bool second_moments, bool stops)
      : context_(*context), stops_(stops) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const uint8_t* data : wanted[i]) index_[data] = i;
      collectors_.emplace_back(second_moments);
    }
  }

  void BeginWindow() { seen_ = 0; }

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      const auto found = index_.find(weight->data);
      if (weight->data == nullptr || found == index_.end()) continue;
      collectors_[found->second].Add(context_, x);
      ++seen_;
      break;
    }
    return !stops_ || seen_ < collectors_.size();
  }

  std::vector<InputStatistics> Finish() {
    std::vector<InputStatistics> statistics;
    for (InputStatisticsCollector& collector : collectors_) {
      statistics.push_back(collector.Finish(context_));
    }
    return statistics;
  }

 private:
  KernelContext& context_;
  const bool stops_;  // As soon as it has seen all.
  absl::flat_hash_map<const uint8_t*, size_t> index_;
  std::vector<InputStatisticsCollector> collectors_;
  size_t seen_ = 0;  // Of the collectors, in this window.
};

// `outputs` null: no further than the last input wanted.
absl::StatusOr<std::vector<InputStatistics>> Collect(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments, ActivationStore* outputs) {
  Collector collector(run.context, wanted, second_moments,
                      /*stops=*/outputs == nullptr);
  Matrix residual;
  for (int64_t window = 0; window < run.inputs->windows(); ++window) {
    OUNCE_RETURN_IF_ERROR(run.inputs->Read(window, &residual));
    collector.BeginWindow();
    run.executor->RunLayer(*run.layer, run.index, &collector, &residual);
    if (outputs == nullptr) continue;
    OUNCE_RETURN_IF_ERROR(outputs->Write(window, residual.view()));
  }
  return collector.Finish();
}

}  // namespace

absl::StatusOr<std::vector<InputStatistics>> CollectInputs(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments) {
  return Collect(run, wanted, second_moments, nullptr);
}

absl::StatusOr<std::vector<InputStatistics>> CollectAndAdvance(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments, ActivationStore* outputs) {
  return Collect(run, wanted, second_moments, outputs);
}

absl::Status AdvanceLayer(const LayerRun& run, ActivationStore* outputs) {
  Matrix residual;
  for (int64_t window = 0; window < run.inputs->windows(); ++window) {
    OUNCE_RETURN_IF_ERROR(run.inputs->Read(window, &residual));
    run.executor->RunLayer(*run.layer, run.index, nullptr, &residual);
    OUNCE_RETURN_IF_ERROR(outputs->Write(window, residual.view()));
  }
  return absl::OkStatus();
}

}  // namespace ounce
