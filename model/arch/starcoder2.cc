// StarCoder 2: grouped queries and rotary positions with layer norms, biases
// and a feed-forward without a gate.
// Source: StarCoder 2, arXiv:2402.19173; config defaults as in transformers
// 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseStarCoder2(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 49152,
                                .width = 3072,
                                .layers = 30,
                                .heads = 24,
                                .kv_heads = 2,
                                .ffn = 12288,
                                .max_context = 4096,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu_pytorch_tanh",
                                .tied_head = true,
                                .keys = {.norm_epsilon = "norm_epsilon"}},
                               &reader);
  UseLayerNorm(&spec);
  spec.gated_ffn = false;
  spec.qkv_bias = reader.Bool("use_bias", true);
  spec.output_bias = spec.ffn_bias = spec.qkv_bias;
  spec.window = reader.Int("sliding_window", 0);
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"mlp.up_proj", "model.layers.#.mlp.c_fc"},
    {"mlp.down_proj", "model.layers.#.mlp.c_proj"},
};

}  // namespace

constexpr Architecture kStarCoder2 = {
    "starcoder2", ParseStarCoder2, {"model.", kNames}};

}  // namespace ounce
