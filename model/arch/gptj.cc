// GPT-J: parallel sub-layers behind one norm, and heads whose first values are
// turned in neighbouring pairs.
// Source: Wang and Komatsuzaki, "GPT-J-6B", 2021; config defaults as in
// transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseGptJ(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 50400,
                                .layers = 28,
                                .heads = 16,
                                .ffn = 0,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu_new",
                                .keys = {.width = "n_embd",
                                         .layers = "n_layer",
                                         .heads = "n_head",
                                         .max_context = "n_positions",
                                         .ffn = "n_inner",
                                         .norm_epsilon = "layer_norm_epsilon",
                                         .activation = "activation_function",
                                         .grouped = false,
                                         .rotary = false}},
                               &reader);
  UseLayerNorm(&spec);
  spec.rotary.adjacent_pairs = true;
  const bool is_null =
      reader.Has("rotary_dim") && !reader.HasValue("rotary_dim");
  spec.rotary.dims = reader.Int("rotary_dim", 64);
  reader.Refuse(is_null || spec.rotary.dims < 1,
                "a \"rotary_dim\" that is null or below 1");
  spec.residual = ResidualOrder::kParallelShared;
  spec.gated_ffn = false;
  spec.ffn_bias = spec.head_bias = true;
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"model.embed_tokens", "transformer.wte"},
    {"input_layernorm", "transformer.h.#.ln_1"},
    {"self_attn.q_proj", "transformer.h.#.attn.q_proj"},
    {"self_attn.k_proj", "transformer.h.#.attn.k_proj"},
    {"self_attn.v_proj", "transformer.h.#.attn.v_proj"},
    {"self_attn.o_proj", "transformer.h.#.attn.out_proj"},
    {"mlp.up_proj", "transformer.h.#.mlp.fc_in"},
    {"mlp.down_proj", "transformer.h.#.mlp.fc_out"},
    {"model.norm", "transformer.ln_f"},
};

}  // namespace

constexpr Architecture kGptJ = {"gptj", ParseGptJ, {"transformer.", kNames}};

}  // namespace ounce
