#include "runtime/weights.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/packing/codec.h"
#include "model/tensor_table.h"

namespace ounce {
namespace {

// Looks bound tensors up by their canonical names.
class Lookup {
 public:
  explicit Lookup(const BoundTensors& bound) {
    for (const BoundTensor& tensor : bound.tensors) {
      by_name_[tensor.slot.name] = &tensor.matrix;
    }
  }

  const PackedMatrix& Matrix(absl::string_view name) const {
    return *by_name_.at(name);
  }
  std::vector<float> Vector(absl::string_view name) const {
    const PackedMatrix& stored = Matrix(name);
    std::vector<float> values(static_cast<size_t>(stored.cols));
    GetCodecInfo(stored.codec).unpack_rows(stored, 0, 1, values.data());
    return values;
  }
  LinearWeights Linear(int64_t layer, absl::string_view name, bool bias) const {
    const std::string full = LayerTensorName(layer, name);
    LinearWeights linear;
    linear.weight = Matrix(absl::StrCat(full, ".weight"));
    if (bias) linear.bias = Vector(absl::StrCat(full, ".bias"));
    return linear;
  }

 private:
  absl::flat_hash_map<std::string, const PackedMatrix*> by_name_;
};

LayerWeights ArrangeLayer(const ModelSpec& spec, int64_t layer,
                          const Lookup& find) {
  LayerWeights out;
  out.attention_norm =
      find.Vector(LayerTensorName(layer, "input_layernorm.weight"));
  out.query = find.Linear(layer, "self_attn.q_proj", spec.qkv_bias);
  out.key = find.Linear(layer, "self_attn.k_proj", spec.qkv_bias);
  out.value = find.Linear(layer, "self_attn.v_proj", spec.qkv_bias);
  out.output = find.Linear(layer, "self_attn.o_proj", spec.output_bias);
  out.ffn_norm =
      find.Vector(LayerTensorName(layer, "post_attention_layernorm.weight"));
  out.gate = find.Linear(layer, "mlp.gate_proj", spec.ffn_bias);
  out.up = find.Linear(layer, "mlp.up_proj", spec.ffn_bias);
  out.down = find.Linear(layer, "mlp.down_proj", spec.ffn_bias);
  return out;
}

}  // namespace

ModelWeights ArrangeWeights(const ModelSpec& spec, const BoundTensors& bound) {
  const Lookup find(bound);
  ModelWeights weights;
  weights.spec = spec;
  weights.embedding = find.Matrix(kEmbeddingName);
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    weights.layers.push_back(ArrangeLayer(spec, layer, find));
  }
  weights.final_norm = find.Vector(kFinalNormName);
  weights.head = spec.tied_head ? weights.embedding : find.Matrix(kHeadName);
  return weights;
}

}  // namespace ounce
