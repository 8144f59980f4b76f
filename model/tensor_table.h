// The tensors a spec consists of, by their canonical names: those of the Llama
// family on Hugging Face, for every family, so that one recipe fits all.
#ifndef OUNCE_MODEL_TENSOR_TABLE_H_
#define OUNCE_MODEL_TENSOR_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

enum class TensorRole {
  kEmbedding,  // [vocab, width]; also the head when that is tied.
  kHead,       // [vocab, width]
  kMatrix,     // A projection inside a block.
  kVector,     // A norm's weight or a bias; never pruned or quantised.
};

struct TensorSlot {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  Shape shape;       // [out, in] or [size].
  TensorRole role;
};

// In the order of computation.  `spec` must pass CheckSpec().
std::vector<TensorSlot> TensorTable(const ModelSpec& spec);

// Canonical names, for those who look a tensor up.
inline constexpr absl::string_view kEmbeddingName = "model.embed_tokens.weight";
inline constexpr absl::string_view kHeadName = "lm_head.weight";
inline constexpr absl::string_view kFinalNormName = "model.norm.weight";
// "model.layers.3.mlp.up_proj.weight" from 3 and "mlp.up_proj.weight".
std::string LayerTensorName(int64_t layer, absl::string_view suffix);

// Parameters of the tensors, tied ones counted once.
int64_t CountParameters(const std::vector<TensorSlot>& table);

}  // namespace ounce

#endif  // OUNCE_MODEL_TENSOR_TABLE_H_
