// GPT-NeoX and Pythia: parallel sub-layers with a norm each, a quarter of each
// head turned, and query, key and value of a head stored next to each other.
// Source: GPT-NeoX-20B, arXiv:2204.06745; config defaults as in transformers
// 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseGptNeoX(const Json& config) {
  ConfigReader reader(config);
  const RotaryDefaults rotary = {.base = reader.Double("rotary_emb_base", 1e4),
                                 .partial = reader.Double("rotary_pct", 0.25)};
  ModelSpec spec = ReadDecoder(
      {.vocab = 50432,
       .width = 6144,
       .layers = 44,
       .heads = 64,
       .ffn = 24576,
       .norm_epsilon = 1e-5,
       .activation = "gelu",
       .rotary = rotary,
       .keys = {.norm_epsilon = "layer_norm_eps", .grouped = false}},
      &reader);
  UseLayerNorm(&spec);
  if (reader.Bool("use_parallel_residual", true)) {
    spec.residual = ResidualOrder::kParallel;
  }
  spec.gated_ffn = false;
  spec.ffn_bias = true;
  spec.qkv_bias = reader.Bool("attention_bias", true);
  spec.output_bias = spec.qkv_bias;
  return Finish(&reader, std::move(spec));
}

constexpr absl::string_view kQkv =
    "gpt_neox.layers.#.attention.query_key_value";
constexpr NameRow kNames[] = {
    {"model.embed_tokens", "gpt_neox.embed_in"},
    {"input_layernorm", "gpt_neox.layers.#.input_layernorm"},
    {"self_attn.q_proj", kQkv, Fusion::kQkvByHead, 0},
    {"self_attn.k_proj", kQkv, Fusion::kQkvByHead, 1},
    {"self_attn.v_proj", kQkv, Fusion::kQkvByHead, 2},
    {"self_attn.o_proj", "gpt_neox.layers.#.attention.dense"},
    {"post_attention_layernorm", "gpt_neox.layers.#.post_attention_layernorm"},
    {"mlp.up_proj", "gpt_neox.layers.#.mlp.dense_h_to_4h"},
    {"mlp.down_proj", "gpt_neox.layers.#.mlp.dense_4h_to_h"},
    {"model.norm", "gpt_neox.final_layer_norm"},
    {"lm_head", "embed_out"},
};

}  // namespace

constexpr Architecture kGptNeoX = {
    "gpt_neox", ParseGptNeoX, {"gpt_neox.", kNames}};

}  // namespace ounce
