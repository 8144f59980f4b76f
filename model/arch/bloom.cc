// BLOOM: no positions but a bias of the scores by distance, a norm behind the
// embedding, and query, key and value of a head stored next to each other.
// Source: BLOOM, arXiv:2211.05100; ALiBi, arXiv:2108.12409; config defaults as
// in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseBloom(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 250880,
                                .width = 64,
                                .layers = 2,
                                .heads = 8,
                                .ffn = 0,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu_new",
                                .tied_head = true,
                                .position = PositionKind::kAlibi,
                                // Width and activation of the feed-forward are
                                // no keys of a BLOOM.
                                .keys = {.width = "n_embed",
                                         .layers = "n_layer",
                                         .heads = "n_head",
                                         .max_context = "seq_length",
                                         .ffn = "",
                                         .norm_epsilon = "layer_norm_epsilon",
                                         .activation = "",
                                         .grouped = false}},
                               &reader);
  UseLayerNorm(&spec);
  spec.gated_ffn = false;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  spec.embedding_norm = true;
  spec.residual_from_norm =
      reader.Bool("apply_residual_connection_post_layernorm", false);
  return Finish(&reader, std::move(spec));
}

constexpr absl::string_view kQkv =
    "transformer.h.#.self_attention.query_key_value";
constexpr NameRow kNames[] = {
    {"model.embed_tokens", "transformer.word_embeddings"},
    {"model.embed_norm", "transformer.word_embeddings_layernorm"},
    {"input_layernorm", "transformer.h.#.input_layernorm"},
    {"self_attn.q_proj", kQkv, Fusion::kQkvByHead, 0},
    {"self_attn.k_proj", kQkv, Fusion::kQkvByHead, 1},
    {"self_attn.v_proj", kQkv, Fusion::kQkvByHead, 2},
    {"self_attn.o_proj", "transformer.h.#.self_attention.dense"},
    {"post_attention_layernorm", "transformer.h.#.post_attention_layernorm"},
    {"mlp.up_proj", "transformer.h.#.mlp.dense_h_to_4h"},
    {"mlp.down_proj", "transformer.h.#.mlp.dense_4h_to_h"},
    {"model.norm", "transformer.ln_f"},
};

}  // namespace

constexpr Architecture kBloom = {"bloom", ParseBloom, {"transformer.", kNames}};

}  // namespace ounce
