// Mixtral: a Mistral whose feed-forwards are experts.
// Source: Mixtral of Experts, arXiv:2401.04088; config defaults as in
// transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseMixtral(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.kv_heads = 8,
                                .ffn = 14336,
                                .max_context = 4096 * 32,
                                .norm_epsilon = 1e-5,
                                .rotary = {.base = 1e6}},
                               &reader);
  spec.window = reader.Int("sliding_window", 0);
  spec.experts = {.experts = reader.Int(
                      reader.FirstOf({"num_local_experts", "num_experts"}), 8),
                  .per_token = reader.Int("num_experts_per_tok", 2),
                  .ffn = spec.ffn};
  return Finish(&reader, std::move(spec));
}

// Experts one by one, as published, or fused, as transformers 5 holds them.
constexpr NameRow kNames[] = {
    {"mlp.router", "model.layers.#.block_sparse_moe.gate"},
    {"mlp.router", "model.layers.#.mlp.gate"},
    {"mlp.experts.@.gate_proj", "model.layers.#.block_sparse_moe.experts.@.w1"},
    {"mlp.experts.@.up_proj", "model.layers.#.block_sparse_moe.experts.@.w3"},
    {"mlp.experts.@.down_proj", "model.layers.#.block_sparse_moe.experts.@.w2"},
    {"mlp.experts.@.gate_proj", "model.layers.#.mlp.experts.gate_up_proj",
     Fusion::kExpertsGateUp, 0, false, true},
    {"mlp.experts.@.up_proj", "model.layers.#.mlp.experts.gate_up_proj",
     Fusion::kExpertsGateUp, 1, false, true},
    {"mlp.experts.@.down_proj", "model.layers.#.mlp.experts.down_proj",
     Fusion::kExperts, 0, false, true},
};

}  // namespace

constexpr Architecture kMixtral = {"mixtral", ParseMixtral, {"model.", kNames}};

}  // namespace ounce
