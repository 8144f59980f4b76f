// A bound model arranged for execution: matrices stay where they are stored
// unless they are stored in pieces, the small vectors are widened to f32.
#ifndef OUNCE_RUNTIME_WEIGHTS_H_
#define OUNCE_RUNTIME_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/linear.h"
#include "kernels/pointwise.h"
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
  // The product whose result is `out`, [tokens, out].
  Projection Into(MatrixView<float> out) const {
    return {&weight, bias_or_null(), out};
  }
};

// Empty where a model has no such norm.
struct NormWeights {
  std::vector<float> weight;  // ModelSpec::norm_offset is in it.
  std::vector<float> bias;    // May be empty.
};

struct FeedForwardWeights {
  LinearWeights gate;  // Of gated ones alone.
  LinearWeights up, down;
};

struct ExpertWeights {
  PackedMatrix router;  // [experts, width], a float codec.
  std::vector<FeedForwardWeights> experts;
  FeedForwardWeights shared;       // If ExpertSpec::shared_ffn.
  std::vector<float> shared_gate;  // [width]; the same.
};

struct LayerWeights {
  // Of the sub-layers' inputs or of the sums after them.
  NormWeights attention_norm, ffn_norm;
  NormWeights query_norm, key_norm;
  NormWeights attention_output_norm, ffn_output_norm;
  LinearWeights query, key, value, output;
  // Of a decoder that sees an encoder.
  NormWeights cross_norm;
  LinearWeights cross_query, cross_key, cross_value, cross_output;
  FeedForwardWeights ffn;  // Unless the layer has experts:
  std::unique_ptr<const ExpertWeights> experts;
};

struct ModelWeights {
  ModelSpec spec;
  PackedMatrix embedding;    // [vocab, token_width]
  PackedMatrix positions;    // [position_rows, position_width], learned ones.
  PackedMatrix token_types;  // [token_types, position_width]
  Matrix relative_bias;      // [relative_buckets, heads]
  // Between the widths of tokens and of layers, if they differ.
  LinearWeights project_in, project_out;
  NormWeights embedding_norm;
  std::vector<LayerWeights> layers;  // [stored_layers]
  NormWeights final_norm;
  LinearWeights head_transform;  // [transform_width, width]
  NormWeights head_norm;
  LinearWeights classifier;  // [labels, width]
  LinearWeights head;        // [vocab, token_width]; the embedding when tied.
  // Of an encoder-decoder; EncoderOf(spec) is its spec.
  std::unique_ptr<ModelWeights> encoder;
  // Of the matrices that their source holds in pieces.
  std::vector<std::unique_ptr<const std::vector<uint8_t>>> copies;
};

// `bound` must hold all of TensorTable(spec), as BindTensors() returns it.  The
// matrices point where it points: its source must outlive the result.
ModelWeights ArrangeWeights(const ModelSpec& spec, const BoundTensors& bound);

// One layer, of whose tensors alone `bound` need consist.  No matrix may be
// stored in pieces.
LayerWeights ArrangeLayer(const ModelSpec& spec, int64_t layer,
                          const BoundTensors& bound);

// A norm of the model that `spec` describes; `weights` must outlive it.
Norm NormOf(const ModelSpec& spec, const NormWeights& weights);

// The matrices of a layer that products are made of, experts' included.
std::vector<const PackedMatrix*> MatricesOf(const LayerWeights& layer);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_WEIGHTS_H_
