#include "model/tensor_table.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

// Collects the slots of one block under its name.
class LayerSlots {
 public:
  LayerSlots(int64_t layer, std::vector<TensorSlot>* table)
      : layer_(layer), table_(*table) {}

  void Vector(absl::string_view name, int64_t size) {
    table_.push_back(
        {LayerTensorName(layer_, name), {size}, TensorRole::kVector});
  }
  void Projection(absl::string_view name, int64_t out, int64_t in, bool bias) {
    table_.push_back({LayerTensorName(layer_, absl::StrCat(name, ".weight")),
                      {out, in},
                      TensorRole::kMatrix});
    if (bias) Vector(absl::StrCat(name, ".bias"), out);
  }

 private:
  const int64_t layer_;
  std::vector<TensorSlot>& table_;
};

void AppendLayer(const ModelSpec& spec, int64_t layer,
                 std::vector<TensorSlot>* table) {
  const int64_t query = spec.heads * spec.head_dim;
  const int64_t kv = spec.kv_heads * spec.head_dim;
  LayerSlots slots(layer, table);
  slots.Vector("input_layernorm.weight", spec.width);
  slots.Projection("self_attn.q_proj", query, spec.width, spec.qkv_bias);
  slots.Projection("self_attn.k_proj", kv, spec.width, spec.qkv_bias);
  slots.Projection("self_attn.v_proj", kv, spec.width, spec.qkv_bias);
  slots.Projection("self_attn.o_proj", spec.width, query, spec.output_bias);
  slots.Vector("post_attention_layernorm.weight", spec.width);
  slots.Projection("mlp.gate_proj", spec.ffn, spec.width, spec.ffn_bias);
  slots.Projection("mlp.up_proj", spec.ffn, spec.width, spec.ffn_bias);
  slots.Projection("mlp.down_proj", spec.width, spec.ffn, spec.ffn_bias);
}

}  // namespace

std::vector<TensorSlot> TensorTable(const ModelSpec& spec) {
  std::vector<TensorSlot> table;
  table.push_back({std::string(kEmbeddingName),
                   {spec.vocab, spec.width},
                   TensorRole::kEmbedding});
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    AppendLayer(spec, layer, &table);
  }
  table.push_back(
      {std::string(kFinalNormName), {spec.width}, TensorRole::kVector});
  if (!spec.tied_head) {
    table.push_back(
        {std::string(kHeadName), {spec.vocab, spec.width}, TensorRole::kHead});
  }
  return table;
}

std::string LayerTensorName(int64_t layer, absl::string_view suffix) {
  return absl::StrCat("model.layers.", layer, ".", suffix);
}

int64_t CountParameters(const std::vector<TensorSlot>& table) {
  int64_t parameters = 0;
  for (const TensorSlot& slot : table) {
    int64_t size = 1;
    for (const int64_t dimension : slot.shape) size *= dimension;
    parameters += size;
  }
  return parameters;
}

}  // namespace ounce
