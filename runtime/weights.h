// A bound model arranged for execution: matrices stay where they are stored,
// the small vectors are widened to f32.
#ifndef OUNCE_RUNTIME_WEIGHTS_H_
#define OUNCE_RUNTIME_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "core/packing/packed_matrix.h"
#include "model/bind.h"
#include "model/spec.h"

namespace ounce {

// A projection with its bias; `bias` is empty when there is none.
struct LinearWeights {
  PackedMatrix weight;      // [out, in]
  std::vector<float> bias;  // [out]

  const float* bias_or_null() const {
    return bias.empty() ? nullptr : bias.data();
  }
};

struct LayerWeights {
  std::vector<float> attention_norm;  // [width]
  LinearWeights query, key, value, output;
  std::vector<float> ffn_norm;  // [width]
  LinearWeights gate, up, down;
};

struct ModelWeights {
  ModelSpec spec;
  PackedMatrix embedding;  // [vocab, width]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [width]
  PackedMatrix head;              // [vocab, width]; the embedding when tied.
};

// `bound` must hold all of TensorTable(spec), as BindTensors() returns it.  The
// matrices point where it points: its source must outlive the result.
ModelWeights ArrangeWeights(const ModelSpec& spec, const BoundTensors& bound);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_WEIGHTS_H_
