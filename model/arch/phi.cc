// The Phi families: Phi 1 to 2 with parallel sub-layers, biases and partly
// turned heads; Phi 3 and 4, Llamas with fused projections and long contexts.
// Source: Phi-1.5, arXiv:2309.05463; Phi-3, arXiv:2404.14219; config defaults
// as in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParsePhi(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 51200,
                                .width = 2048,
                                .layers = 24,
                                .ffn = 8192,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu_new",
                                .rotary = {.partial = 0.5},
                                .keys = {.norm_epsilon = "layer_norm_eps"}},
                               &reader);
  UseLayerNorm(&spec);
  spec.residual = ResidualOrder::kParallelShared;
  spec.gated_ffn = false;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = spec.head_bias = true;
  if (reader.Bool("qk_layernorm", false)) spec.qk_norm = QkNorm::kHead;
  return Finish(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParsePhi3(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 32064,
                                .width = 3072,
                                .ffn = 8192,
                                .max_context = 4096,
                                .norm_epsilon = 1e-5,
                                .rotary = {.original_context = 4096}},
                               &reader);
  reader.Refuse(spec.rotary.scaling != RotaryScaling::kNone &&
                    spec.rotary.scaling != RotaryScaling::kLongRope,
                "rotary scaling of phi3 other than longrope");
  spec.window = reader.Int("sliding_window", 0);
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kPhiNames[] = {
    {"self_attn.q_norm", "model.layers.#.self_attn.q_layernorm"},
    {"self_attn.k_norm", "model.layers.#.self_attn.k_layernorm"},
    {"self_attn.o_proj", "model.layers.#.self_attn.dense"},
    {"mlp.up_proj", "model.layers.#.mlp.fc1"},
    {"mlp.down_proj", "model.layers.#.mlp.fc2"},
    {"model.norm", "model.final_layernorm"},
};

constexpr NameRow kPhi3Names[] = {
    {"self_attn.q_proj", "model.layers.#.self_attn.qkv_proj", Fusion::kQkv, 0},
    {"self_attn.k_proj", "model.layers.#.self_attn.qkv_proj", Fusion::kQkv, 1},
    {"self_attn.v_proj", "model.layers.#.self_attn.qkv_proj", Fusion::kQkv, 2},
    {"mlp.gate_proj", "model.layers.#.mlp.gate_up_proj", Fusion::kGateUp, 0},
    {"mlp.up_proj", "model.layers.#.mlp.gate_up_proj", Fusion::kGateUp, 1},
};

}  // namespace

constexpr Architecture kPhi = {"phi", ParsePhi, {"model.", kPhiNames}};
constexpr Architecture kPhi3 = {"phi3", ParsePhi3, {"model.", kPhi3Names}};

}  // namespace ounce
