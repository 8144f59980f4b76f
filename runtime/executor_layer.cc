// Executor, layer by layer.
#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/status_macros.h"
#include "runtime/executor.h"

namespace ounce {

absl::Status Executor::EmbedText(absl::Span<const int32_t> ids,
                                 Matrix* residual) {
  OUNCE_RETURN_IF_ERROR(CheckIds({0, ids}));
  ModelSpec one_layer = spec();
  one_layer.layers = 1;
  KvCache none(one_layer, kv_, 0);
  embedding_.Embed(
      {{&none, ids, nullptr, nullptr, static_cast<int64_t>(ids.size()), true}},
      residual);
  return absl::OkStatus();
}

bool Executor::RunLayer(const LayerWeights& layer, int64_t index,
                        ActivationObserver* observer, Matrix* residual) {
  OUNCE_DCHECK(residual->rows() <= capacity_);
  if (!layer_cache_.has_value()) {
    ModelSpec one_layer = spec();
    one_layer.layers = 1;
    layer_cache_.emplace(one_layer, kv_, capacity_);
  }
  std::swap(residual_, *residual);
  layer_cache_->Truncate(0);
  // Whatever they are: only their number counts from here on.
  const std::vector<int32_t> ids(static_cast<size_t>(residual_.rows()));
  const Pieces pieces = {
      {&*layer_cache_, ids, nullptr, nullptr, residual_.rows(), true}};
  if (angles_.has_value()) angles_->Fill(pieces, residual_.rows());
  if (local_angles_.has_value()) local_angles_->Fill(pieces, residual_.rows());
  observer_ = observer;
  const bool complete =
      Attend(layer, index, pieces) && Complete(layer, index, pieces);
  observer_ = nullptr;
  std::swap(residual_, *residual);
  return complete;
}

void Executor::NormalizeFinal(MatrixView<const float> residual,
                              MatrixView<float> out) {
  if (spec().final_norm) {
    Normalize(context_, NormOf(spec(), weights_.final_norm), residual, out);
  } else if (out.data != residual.data) {
    std::copy_n(residual.data, residual.rows * residual.cols, out.data);
  }
}

}  // namespace ounce
