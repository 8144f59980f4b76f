#include "calibrate/layer_inputs.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "core/status_macros.h"
#include "runtime/activation_observer.h"

namespace ounce {
namespace {

class Collector : public ActivationObserver {
 public:
  Collector(const LayerRun& run, absl::Span<const SharedInput> wanted,
            bool second_moments, bool stops)
      : context_(*run.context), stops_(stops), layer_(*run.layer) {
    const NormPlacement placement = run.executor->spec().norm_placement;
    relative_ =
        placement == NormPlacement::kInput || placement == NormPlacement::kSum;
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const uint8_t* data : wanted[i]) index_[data] = i;
      collectors_.emplace_back(second_moments);
    }
  }

  // `residual` is what goes into the layer; `float_inputs`, by what is wanted,
  // what the float model multiplies, or empty.
  void BeginWindow(MatrixView<const float> residual,
                   absl::Span<const Matrix> float_inputs) {
    seen_ = 0;
    float_inputs_ = float_inputs;
    token_scales_.clear();
    for (int64_t t = 0; t < residual.rows; ++t) {
      double square = 0.0;
      for (int64_t c = 0; c < residual.cols; ++c) {
        square += double{residual.at(t, c)} * double{residual.at(t, c)};
      }
      const double mean = square / static_cast<double>(residual.cols);
      token_scales_.push_back(
          mean > 0.0 ? static_cast<float>(1.0 / std::sqrt(mean)) : 1.0f);
    }
  }

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      const auto found = index_.find(weight->data);
      if (weight->data == nullptr || found == index_.end()) continue;
      collectors_[found->second].Add(context_, x, ScalesFor(*weight),
                                     FloatInput(found->second, x));
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
  absl::Span<const float> ScalesFor(const PackedMatrix& weight) const {
    const bool adds = weight.data == layer_.output.weight.data ||
                      weight.data == layer_.ffn.down.weight.data;
    return relative_ && adds ? token_scales_ : absl::Span<const float>();
  }

  // Experts may have taken other tokens.
  MatrixView<const float> FloatInput(size_t index,
                                     MatrixView<const float> x) const {
    if (float_inputs_.empty() || layer_.experts != nullptr ||
        float_inputs_[index].rows() != x.rows) {
      return {};
    }
    return float_inputs_[index].view();
  }

  KernelContext& context_;
  const bool stops_;  // As soon as it has seen all.
  const LayerWeights& layer_;
  absl::Span<const Matrix> float_inputs_;
  bool relative_ = false;
  std::vector<float> token_scales_;  // Of this window.
  absl::flat_hash_map<const uint8_t*, size_t> index_;
  std::vector<InputStatisticsCollector> collectors_;
  size_t seen_ = 0;  // Of the collectors, in this window.
};

// Keeps the inputs that are wanted.
class Recorder : public ActivationObserver {
 public:
  explicit Recorder(absl::Span<const SharedInput> wanted)
      : inputs_(wanted.size()) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      for (const uint8_t* data : wanted[i]) index_[data] = i;
    }
  }

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      const auto found = index_.find(weight->data);
      if (weight->data == nullptr || found == index_.end()) continue;
      Matrix& input = inputs_[found->second];
      input.Resize(x.rows, x.cols);
      for (int64_t t = 0; t < x.rows; ++t) {
        std::copy_n(x.row(t), x.cols, input.row(t));
      }
      ++seen_;
      break;
    }
    return seen_ < inputs_.size();
  }

  absl::Span<const Matrix> Run(const LayerRun& run, Matrix* residual) {
    seen_ = 0;
    run.executor->RunLayer(*run.float_layer, run.index, this, residual);
    return inputs_;
  }

 private:
  absl::flat_hash_map<const uint8_t*, size_t> index_;
  std::vector<Matrix> inputs_;
  size_t seen_ = 0;
};

// `outputs` null: no further than the last input wanted.
absl::StatusOr<std::vector<InputStatistics>> Collect(
    const LayerRun& run, absl::Span<const SharedInput> wanted,
    bool second_moments, ActivationStore* outputs) {
  Collector collector(run, wanted, second_moments,
                      /*stops=*/outputs == nullptr);
  Recorder recorder(wanted);
  Matrix residual;
  for (int64_t window = 0; window < run.inputs->windows(); ++window) {
    absl::Span<const Matrix> float_inputs;
    if (run.float_layer != nullptr && second_moments) {
      OUNCE_RETURN_IF_ERROR(run.float_inputs->Read(window, &residual));
      float_inputs = recorder.Run(run, &residual);
    }
    OUNCE_RETURN_IF_ERROR(run.inputs->Read(window, &residual));
    collector.BeginWindow(residual.view(), float_inputs);
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
