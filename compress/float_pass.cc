#include "compress/float_pass.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "compress/head_pass.h"
#include "core/status_macros.h"
#include "runtime/weights.h"

namespace ounce {
namespace {

// Everything but the layers, as the source has it.
ModelWeights EndsOf(const FloatPass& pass) {
  BoundTensors bound;
  for (const auto rows : {pass.parts.before, pass.parts.after}) {
    for (const TensorPlan& row : rows) bound.tensors.push_back(*row.tensor);
  }
  return ArrangeWeights(pass.model.spec, bound);
}

// A layer of the source, whose pages are given back.
absl::StatusOr<Block> LoadFloat(const FloatPass& pass, int64_t index) {
  const absl::Span<const TensorPlan> rows =
      pass.parts.layers[static_cast<size_t>(index)];
  OUNCE_ASSIGN_OR_RETURN(Block block, Block::Load(pass.model.spec, index, rows,
                                                  &pass.context->pool()));
  for (const TensorPlan& row : rows) {
    pass.model.source->Release(
        StoredBytes(*row.tensor, 0, row.tensor->matrix.rows));
  }
  return block;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ActivationStore>> EmbedWindows(
    const Calibration& calibration, const std::string& spill_path,
    Executor* executor) {
  std::vector<int64_t> tokens;
  for (const std::vector<int32_t>& window : calibration.windows) {
    tokens.push_back(static_cast<int64_t>(window.size()));
  }
  OUNCE_ASSIGN_OR_RETURN(
      std::unique_ptr<ActivationStore> stream,
      ActivationStore::Create(std::move(tokens), executor->spec().width,
                              spill_path));
  Matrix residual;
  for (size_t w = 0; w < calibration.windows.size(); ++w) {
    OUNCE_RETURN_IF_ERROR(
        executor->EmbedText(calibration.windows[w], &residual));
    OUNCE_RETURN_IF_ERROR(
        stream->Write(static_cast<int64_t>(w), residual.view()));
  }
  return stream;
}

absl::StatusOr<std::unique_ptr<ActivationStore>> EmbedFloat(
    const FloatPass& pass) {
  const ModelWeights ends = EndsOf(pass);
  Executor executor(ends, pass.context, pass.calibration.options.context);
  return EmbedWindows(pass.calibration, pass.spill_path, &executor);
}

absl::Status AdvanceFloatLayer(const FloatPass& pass, int64_t index,
                               Executor* executor, ActivationStore* stream) {
  OUNCE_ASSIGN_OR_RETURN(const Block block, LoadFloat(pass, index));
  const LayerWeights layer = block.Arrange();
  return AdvanceLayer({executor, pass.context, &layer, index, stream}, stream);
}

absl::StatusOr<InputStatistics> RunFloatModel(const FloatPass& pass,
                                              bool final_states,
                                              AdvanceFunction advance) {
  const ModelWeights ends = EndsOf(pass);
  Executor executor(ends, pass.context, pass.calibration.options.context);
  OUNCE_ASSIGN_OR_RETURN(
      const std::unique_ptr<ActivationStore> stream,
      EmbedWindows(pass.calibration, pass.spill_path, &executor));
  const auto layers = static_cast<int64_t>(pass.parts.layers.size());
  for (int64_t index = 0; index < layers; ++index) {
    OUNCE_ASSIGN_OR_RETURN(Block block, LoadFloat(pass, index));
    const LayerWeights layer = block.Arrange();
    OUNCE_RETURN_IF_ERROR(
        advance({&executor, pass.context, &layer, index, stream.get()}, &block,
                stream.get()));
  }
  if (!final_states) return InputStatistics();
  return CollectFinalStates(*stream, &executor, pass.context);
}

}  // namespace ounce
