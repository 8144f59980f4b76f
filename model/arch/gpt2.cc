// GPT-2: learned positions, layer norms, biases everywhere, and weights stored
// [in, out].
// Source: Radford et al., "Language Models are Unsupervised Multitask
// Learners", 2019; config defaults as in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseGpt2(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 50257,
                                .width = 768,
                                .layers = 12,
                                .heads = 12,
                                .ffn = 0,
                                .max_context = 1024,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu_new",
                                .tied_head = true,
                                .position = PositionKind::kLearned,
                                .keys = {.width = "n_embd",
                                         .layers = "n_layer",
                                         .heads = "n_head",
                                         .max_context = "n_positions",
                                         .ffn = "n_inner",
                                         .norm_epsilon = "layer_norm_epsilon",
                                         .activation = "activation_function",
                                         .grouped = false}},
                               &reader);
  UseLayerNorm(&spec);
  spec.gated_ffn = false;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  if (!reader.Bool("scale_attn_weights", true)) spec.attention_scale = 1.0;
  spec.attention_scale_by_layer =
      reader.Bool("scale_attn_by_inverse_layer_idx", false);
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"model.embed_tokens", "transformer.wte"},
    {"model.embed_positions", "transformer.wpe"},
    {"input_layernorm", "transformer.h.#.ln_1"},
    {"self_attn.q_proj", "transformer.h.#.attn.c_attn", Fusion::kQkv, 0, true},
    {"self_attn.k_proj", "transformer.h.#.attn.c_attn", Fusion::kQkv, 1, true},
    {"self_attn.v_proj", "transformer.h.#.attn.c_attn", Fusion::kQkv, 2, true},
    {"self_attn.o_proj", "transformer.h.#.attn.c_proj", Fusion::kNone, 0, true},
    {"post_attention_layernorm", "transformer.h.#.ln_2"},
    {"mlp.up_proj", "transformer.h.#.mlp.c_fc", Fusion::kNone, 0, true},
    {"mlp.down_proj", "transformer.h.#.mlp.c_proj", Fusion::kNone, 0, true},
    {"model.norm", "transformer.ln_f"},
};

}  // namespace

constexpr Architecture kGpt2 = {"gpt2", ParseGpt2, {"transformer.", kNames}};

}  // namespace ounce
