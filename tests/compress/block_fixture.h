// One layer of a small model as the passes over blocks get it: a recipe's plan,
// and inputs to calibrate on.
#ifndef OUNCE_TESTS_COMPRESS_BLOCK_FIXTURE_H_
#define OUNCE_TESTS_COMPRESS_BLOCK_FIXTURE_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/activation_store.h"
#include "calibrate/block_evaluator.h"
#include "compress/block.h"
#include "compress/channel_scale_search.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "compress/tensor_pass.h"
#include "core/thread_pool.h"
#include "kernels/kernel_context.h"
#include "model/tensor_table.h"
#include "runtime/executor.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {

// As TinySpec(), with matrices of more than one group of 32.
inline ModelSpec BlockSpec() {
  ModelSpec spec = TinySpec();
  spec.width = 64;
  spec.head_dim = 16;
  spec.ffn = 96;
  return spec;
}

// Four experts, of which each token takes one, and one that all take.
inline ModelSpec ExpertsSpec() {
  ModelSpec spec = BlockSpec();
  spec.experts.experts = 4;
  spec.experts.per_token = 1;
  spec.experts.ffn = 40;
  spec.experts.shared_ffn = 48;
  return spec;
}

// `windows` texts of `tokens` rows each, whose channels are correlated, as a
// model's are, and around `mean`.
inline std::vector<Matrix> CorrelatedRows(int64_t windows, int64_t tokens,
                                          int64_t width, float mean = 0.0f) {
  Gaussian random(17);
  const Matrix mix(width, width, random.Floats(width * width));
  std::vector<Matrix> all;
  for (int64_t w = 0; w < windows; ++w) {
    Matrix rows(tokens, width);
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t source = 0; source < width; ++source) {
        const auto value = static_cast<float>(
            random.Next() / (1.0 + static_cast<double>(source)));
        for (int64_t c = 0; c < width; ++c) {
          rows.row(t)[c] += value * mix.row(source)[c];
        }
      }
      for (int64_t c = 0; c < width; ++c) rows.row(t)[c] += mean;
    }
    all.push_back(std::move(rows));
  }
  return all;
}

class BlockSetup {
 public:
  BlockSetup(const ModelSpec& spec, const std::string& yaml, int threads = 2)
      : model_(spec), yaml_(yaml), pool_(threads) {
    SetInputs(CorrelatedRows(6, 32, spec.width));
  }

  TinyModel& model() { return model_; }
  KernelContext* context() { return &context_; }
  const ActivationStore& inputs() const { return *inputs_; }
  std::string LayerName(const std::string& suffix) const {
    return LayerTensorName(0, suffix);
  }

  // The f32 values of a tensor of the source, to change them before Load().
  absl::Span<float> Values(const std::string& name) {
    const StoredTensor* tensor = model_.source().Find(name);
    EXPECT_NE(tensor, nullptr) << name;
    return {reinterpret_cast<float*>(model_.source().MutableBytes(name)),
            tensor->bytes.size() / 4};
  }
  // Multiplies a column of a matrix of the source.
  void ScaleColumn(const std::string& name, int64_t column, float factor) {
    const int64_t cols = model_.source().Find(name)->shape[1];
    const absl::Span<float> values = Values(name);
    for (size_t i = static_cast<size_t>(column); i < values.size();
         i += static_cast<size_t>(cols)) {
      values[i] *= factor;
    }
  }

  void SetInputs(const std::vector<Matrix>& windows) {
    std::vector<int64_t> tokens;
    for (const Matrix& window : windows) tokens.push_back(window.rows());
    inputs_ = *ActivationStore::Create(tokens, model_.spec().width, "");
    for (size_t w = 0; w < windows.size(); ++w) {
      EXPECT_OK(inputs_->Write(static_cast<int64_t>(w), windows[w].view()));
    }
  }

  // Layer 0, anew from the source by the recipe.
  absl::StatusOr<Block> Load() {
    model_.Bind();
    recipe_ = *ParseRecipe(yaml_);
    plan_ = *MakePlan(model_.bound(), recipe_);
    executor_ =
        std::make_unique<Executor>(model_.weights(), &context_, kCapacity);
    rows_.clear();
    for (const TensorPlan& row : plan_.tensors) {
      if (LayerOf(row.tensor->slot.name) == 0) rows_.push_back(row);
    }
    return Block::Load(model_.spec(), 0, rows_, &pool_);
  }
  const std::vector<TensorPlan>& rows() const { return rows_; }
  BlockRun run() { return {executor_.get(), &context_, inputs_.get()}; }

  // How far `block` is from the layer of the source, over all inputs.
  double OutputError(const Block& block) {
    const LayerWeights& original = model_.weights().layers[0];
    const BlockEvaluator evaluator = *BlockEvaluator::Create(
        {executor_.get(), &context_, &original, 0, inputs_.get()}, 1 << 20);
    return *evaluator.OutputError(block.Arrange());
  }
  // What `layer` makes of the inputs, window after window.
  std::vector<Matrix> Outputs(const LayerWeights& layer) {
    std::vector<Matrix> outputs;
    for (int64_t w = 0; w < inputs_->windows(); ++w) {
      Matrix residual;
      EXPECT_OK(inputs_->Read(w, &residual));
      executor_->RunLayer(layer, 0, nullptr, &residual);
      outputs.push_back(std::move(residual));
    }
    return outputs;
  }

  // What a pass without calibration makes of a tensor.
  std::vector<uint8_t> PlainBytes(const TensorPlan& row) {
    TensorPass pass(&pool_);
    absl::Span<const uint8_t> packed;
    TensorStats stats;
    EXPECT_OK(
        pass.Run(row, 0, row.tensor->matrix.rows, nullptr, &packed, &stats));
    return {packed.begin(), packed.end()};
  }

 private:
  static constexpr int64_t kCapacity = 64;

  TinyModel model_;
  const std::string yaml_;
  Recipe recipe_;
  Plan plan_;
  std::vector<TensorPlan> rows_;
  ThreadPool pool_;
  KernelContext context_{SupportedIsas().back(), &pool_};
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<ActivationStore> inputs_;
};

// The largest difference of two layers' outputs, as a share of the largest
// value.
inline double OutputDistance(const std::vector<Matrix>& a,
                             const std::vector<Matrix>& b) {
  double largest = 0.0, error = 0.0;
  for (size_t w = 0; w < a.size(); ++w) {
    for (size_t i = 0; i < a[w].values().size(); ++i) {
      const double value = a[w].values()[i];
      largest = std::max(largest, std::abs(value));
      error = std::max(error, std::abs(value - double{b[w].values()[i]}));
    }
  }
  return error / largest;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_COMPRESS_BLOCK_FIXTURE_H_
