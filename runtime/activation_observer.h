// What calibration sees of a running model: the inputs of its matrix products.
#ifndef OUNCE_RUNTIME_ACTIVATION_OBSERVER_H_
#define OUNCE_RUNTIME_ACTIVATION_OBSERVER_H_

#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "core/tensor.h"

namespace ounce {

class ActivationObserver {
 public:
  virtual ~ActivationObserver() = default;

  // `x` [tokens, in], in f32, is about to be multiplied by each of `weights`,
  // which point into the LayerWeights that run; those a model has not are
  // empty.  In a layer's order: query, key and value; output; gate and up;
  // down.  Of experts, those some token takes, and they alone cannot be
  // stopped: false stops the layer before the product.
  virtual bool Observe(absl::Span<const PackedMatrix* const> weights,
                       MatrixView<const float> x) = 0;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_ACTIVATION_OBSERVER_H_
