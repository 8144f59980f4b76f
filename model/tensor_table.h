// The tensors a spec consists of, by their canonical names: those of the Llama
// family on Hugging Face, for every family, so that one recipe fits all.  What
// Llama has not:
//   model.embed_positions, model.embed_norm, model.project_in, .project_out
//   self_attn.q_norm, .k_norm    of queries and keys
//   self_attn.output_norm, mlp.output_norm
//                                of what a sub-layer gives
//   mlp.router, mlp.experts.N.gate_proj ..., mlp.shared_expert.gate_proj ...,
//   mlp.shared_expert_gate
//   model.embed_token_types, model.relative_bias
//   pooler, classifier_transform, lm_head_transform
//                                HeadTransform, with "_norm" behind it its norm
//   classifier
//   cross_attn.q_proj ..., cross_attention_layernorm
//                                of a decoder that sees an encoder
// The encoder of an encoder-decoder has "encoder." for "model.".
// `input_layernorm` and `post_attention_layernorm` are the norms of attention
// and feed-forward wherever they are placed before or after the sum; a
// feed-forward without a gate has `up_proj` and `down_proj`.
#ifndef OUNCE_MODEL_TENSOR_TABLE_H_
#define OUNCE_MODEL_TENSOR_TABLE_H_

#include <cstdint>
#include <optional>
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
  // Never pruned or quantised:
  kVector,      // A norm's weight or a bias.
  kPositions,   // Learned positions or kinds of tokens, [positions, width].
  kRouter,      // Picks or weighs experts: small, and its errors are jumps.
  kClassifier,  // Weighs labels, [labels, width]: small.
};

// Whether passes may touch a tensor; the others keep the type they have.
inline bool IsCompressible(TensorRole role) {
  return role == TensorRole::kEmbedding || role == TensorRole::kHead ||
         role == TensorRole::kMatrix;
}

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
inline constexpr absl::string_view kHeadBiasName = "lm_head.bias";
inline constexpr absl::string_view kPositionsName =
    "model.embed_positions.weight";
inline constexpr absl::string_view kTokenTypesName =
    "model.embed_token_types.weight";
inline constexpr absl::string_view kRelativeBiasName =
    "model.relative_bias.weight";
// Norms and projections are named without ".weight" and ".bias".
inline constexpr absl::string_view kProjectIn = "model.project_in";
inline constexpr absl::string_view kProjectOut = "model.project_out";
inline constexpr absl::string_view kClassifier = "classifier";
inline constexpr absl::string_view kEmbeddingNorm = "model.embed_norm";
inline constexpr absl::string_view kFinalNorm = "model.norm";
// "model.layers.3.mlp.up_proj.weight" from 3 and "mlp.up_proj.weight".
std::string LayerTensorName(int64_t layer, absl::string_view suffix);
// The 3 of it; nullopt when the name is of no layer of the main stack.
std::optional<int64_t> LayerOf(absl::string_view name);

// What the transform of a head is called, without ".weight" and ".bias".
absl::string_view TransformName(HeadKind head);

// "encoder.norm" from "model.norm": the same in the encoder beside a decoder.
std::string EncoderTensorName(absl::string_view name);

// "mlp.experts.3.up_proj" from 3 and "up_proj".
std::string ExpertName(int64_t expert, absl::string_view projection);

// Parameters of the tensors, tied ones counted once.
int64_t CountParameters(const std::vector<TensorSlot>& table);

}  // namespace ounce

#endif  // OUNCE_MODEL_TENSOR_TABLE_H_
