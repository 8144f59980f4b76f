// The Qwen families: Llamas with biases on query, key and value (Qwen2) or
// norms of query and key heads (Qwen3), windows in some layers on demand, and
// experts in the "moe" variants.
// Source: Qwen2, arXiv:2407.10671; Qwen3, arXiv:2505.09388; config defaults as
// in transformers 5.12.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

constexpr DecoderDefaults kDense = {
    .vocab = 151936, .kv_heads = 32, .ffn = 22016, .max_context = 32768};

// A window counts only with `use_sliding_window`.
int64_t ReadWindow(ConfigReader* reader) {
  if (!reader->Bool("use_sliding_window", false)) return 0;
  return reader->Int("sliding_window",
                     reader->Has("sliding_window") ? 0 : 4096);
}

// Layers from max_window_layers on are windowed, unless layer_types says which.
void ReadWindows(ModelSpec* spec, ConfigReader* reader) {
  spec->window = ReadWindow(reader);
  const int64_t full = reader->Int("max_window_layers", 28);
  spec->layer_kinds = ReadLayerKinds(
      *spec, [full](int64_t layer) { return layer >= full; }, reader);
  if (spec->window == 0) spec->layer_kinds.clear();
}

absl::StatusOr<ModelSpec> ParseQwen2(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder(kDense, &reader);
  spec.qkv_bias = true;
  ReadWindows(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseQwen3(const Json& config) {
  ConfigReader reader(config);
  DecoderDefaults defaults = kDense;
  defaults.head_dim = 128;
  ModelSpec spec = ReadDecoder(defaults, &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.qk_norm = QkNorm::kHead;
  ReadWindows(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

// Every decoder_sparse_step-th layer has experts, but those of mlp_only_layers.
void ReadRouting(ModelSpec* spec, ConfigReader* reader) {
  const int64_t step = reader->Int("decoder_sparse_step", 1);
  reader->Refuse(step < 1, "a \"decoder_sparse_step\" below 1");
  const std::vector<int64_t> plain = reader->Ints("mlp_only_layers");
  if (step == 1 && plain.empty()) return;
  if (spec->layer_kinds.empty()) {
    spec->layer_kinds = UsualLayerKinds(*spec);
  }
  if (step < 1) return;
  for (size_t i = 0; i < spec->layer_kinds.size(); ++i) {
    const auto layer = static_cast<int64_t>(i);
    const bool is_plain =
        std::find(plain.begin(), plain.end(), layer) != plain.end();
    spec->layer_kinds[i].routed = !is_plain && (layer + 1) % step == 0;
  }
}

absl::StatusOr<ModelSpec> ParseQwen2Moe(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 151936,
                                .width = 2048,
                                .layers = 24,
                                .heads = 16,
                                .kv_heads = 16,
                                .ffn = 5632,
                                .max_context = 32768},
                               &reader);
  spec.qkv_bias = reader.Bool("qkv_bias", true);
  spec.window = ReadWindow(&reader);
  // Unlike Qwen2: every other layer below max_window_layers.
  const int64_t windowed = reader.Int("max_window_layers", 28);
  spec.layer_kinds = ReadLayerKinds(
      spec,
      [windowed](int64_t layer) { return layer % 2 == 0 && layer < windowed; },
      &reader);
  if (spec.window == 0) spec.layer_kinds.clear();
  spec.experts = {
      .experts = reader.Int("num_experts", 60),
      .per_token = reader.Int("num_experts_per_tok", 4),
      .ffn = reader.Int("moe_intermediate_size", 1408),
      .shared_ffn = reader.Int("shared_expert_intermediate_size", 5632),
      .normalized = reader.Bool("norm_topk_prob", false)};
  ReadRouting(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseQwen3Moe(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 151936,
                                .width = 2048,
                                .layers = 24,
                                .heads = 32,
                                .kv_heads = 4,
                                .ffn = 6144,
                                .max_context = 32768},
                               &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.qk_norm = QkNorm::kHead;
  spec.window = ReadWindow(&reader);  // Of every layer.
  spec.experts = {
      .experts =
          reader.Int(reader.FirstOf({"num_experts", "num_local_experts"}), 128),
      .per_token = reader.Int("num_experts_per_tok", 8),
      .ffn = reader.Int("moe_intermediate_size", 768),
      .normalized = reader.Bool("norm_topk_prob", false)};
  ReadRouting(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

// Experts one by one, as published, or fused, as transformers 5 holds them.
constexpr NameRow kMoeNames[] = {
    {"mlp.router", "model.layers.#.mlp.gate"},
    {"mlp.experts.@.gate_proj", "model.layers.#.mlp.experts.@.gate_proj"},
    {"mlp.experts.@.up_proj", "model.layers.#.mlp.experts.@.up_proj"},
    {"mlp.experts.@.down_proj", "model.layers.#.mlp.experts.@.down_proj"},
    {"mlp.experts.@.gate_proj", "model.layers.#.mlp.experts.gate_up_proj",
     Fusion::kExpertsGateUp, 0, false, true},
    {"mlp.experts.@.up_proj", "model.layers.#.mlp.experts.gate_up_proj",
     Fusion::kExpertsGateUp, 1, false, true},
    {"mlp.experts.@.down_proj", "model.layers.#.mlp.experts.down_proj",
     Fusion::kExperts, 0, false, true},
};

}  // namespace

constexpr Architecture kQwen2 = {"qwen2", ParseQwen2, {"model.", {}}};
constexpr Architecture kQwen3 = {"qwen3", ParseQwen3, {"model.", {}}};
constexpr Architecture kQwen2Moe = {
    "qwen2_moe", ParseQwen2Moe, {"model.", kMoeNames}};
constexpr Architecture kQwen3Moe = {
    "qwen3_moe", ParseQwen3Moe, {"model.", kMoeNames}};

}  // namespace ounce
