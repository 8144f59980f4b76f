// The Gemma families: scaled embeddings and norms around 1; Gemma 2 adds norms
// of what sub-layers give, capped scores and logits, and windows in every other
// layer; Gemma 3 norms of query and key heads and rotary angles of their own
// for windowed layers.
// Source: Gemma, arXiv:2403.08295; Gemma 2, arXiv:2408.00118; Gemma 3,
// arXiv:2503.19786; config defaults as in transformers 5.12.
#include <cmath>
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

constexpr absl::string_view kActivation = "gelu_pytorch_tanh";

// What all three have.
void ReadGemma(ModelSpec* spec, ConfigReader* reader) {
  spec->norm_offset = 1.0;
  // An absurd width is CheckSpec()'s.
  if (spec->width > 0) {
    spec->embedding_scale = std::sqrt(static_cast<double>(spec->width));
  }
  spec->qkv_bias = reader->Bool("attention_bias", false);
  spec->output_bias = spec->qkv_bias;
}

absl::StatusOr<ModelSpec> ParseGemma(const Json& config) {
  ConfigReader reader(config);
  // Earlier files had hidden_activation to correct their hidden_act.
  const absl::string_view activation =
      reader.FirstOf({"hidden_activation", "hidden_act"});
  ModelSpec spec = ReadDecoder({.vocab = 256000,
                                .width = 3072,
                                .layers = 28,
                                .heads = 16,
                                .kv_heads = 16,
                                .head_dim = 256,
                                .ffn = 24576,
                                .max_context = 8192,
                                .activation = kActivation,
                                .tied_head = true,
                                .keys = {.activation = activation}},
                               &reader);
  ReadGemma(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

// A cap that is absent takes `fallback`; null is none.
double ReadCap(absl::string_view key, double fallback, ConfigReader* reader) {
  return reader->Double(key, reader->Has(key) ? 0.0 : fallback);
}

// What Gemma 2 and 3 have.
void ReadGemma2(double attention_cap, double logit_cap, ModelSpec* spec,
                ConfigReader* reader) {
  ReadGemma(spec, reader);
  spec->norm_placement = NormPlacement::kInputAndOutput;
  const double scalar = reader->Double("query_pre_attn_scalar", 256.0);
  reader->Refuse(!(scalar > 0.0),
                 "a \"query_pre_attn_scalar\" that is not positive");
  if (scalar > 0.0) spec->attention_scale = 1.0 / std::sqrt(scalar);
  spec->attention_soft_cap =
      ReadCap("attn_logit_softcapping", attention_cap, reader);
  spec->logit_soft_cap = ReadCap("final_logit_softcapping", logit_cap, reader);
  spec->window =
      reader->Int("sliding_window", reader->Has("sliding_window") ? 0 : 4096);
}

constexpr DecoderDefaults kGemma2Defaults = {
    .vocab = 256000,
    .width = 2304,
    .layers = 26,
    .heads = 8,
    .kv_heads = 4,
    .head_dim = 256,
    .ffn = 9216,
    .max_context = 8192,
    .activation = kActivation,
    .tied_head = true,
    .keys = {.activation = "hidden_activation"}};

absl::StatusOr<ModelSpec> ParseGemma2(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder(kGemma2Defaults, &reader);
  ReadGemma2(50.0, 30.0, &spec, &reader);
  spec.layer_kinds = ReadLayerKinds(
      spec, [](int64_t layer) { return layer % 2 == 0; }, &reader);
  return Finish(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseGemma3(const Json& config) {
  ConfigReader reader(config);
  DecoderDefaults defaults = kGemma2Defaults;
  defaults.vocab = 262208;
  defaults.max_context = 131072;
  defaults.keys.rotary = false;
  ModelSpec spec = ReadDecoder(defaults, &reader);
  ReadGemma2(0.0, 0.0, &spec, &reader);
  spec.qk_norm = QkNorm::kHead;
  const int64_t pattern = reader.Int("sliding_window_pattern", 6);
  reader.Refuse(pattern < 1, "a \"sliding_window_pattern\" below 1");
  spec.layer_kinds = ReadLayerKinds(
      spec,
      [pattern](int64_t layer) {
        return pattern > 0 && (layer + 1) % pattern != 0;
      },
      &reader);
  for (LayerKind& kind : spec.layer_kinds) {
    kind.rotary = kind.windowed ? LayerRotary::kLocal : LayerRotary::kGlobal;
  }
  // A scaling of the older style is for the layers that see all.
  spec.rotary = reader.Rotary({.base = 1e6}, spec, "full_attention");
  const double local_base = reader.Double("rope_local_base_freq", 1e4);
  spec.local_rotary = reader.Rotary({.base = local_base, .part_only = true},
                                    spec, "sliding_attention");
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kGemma2Names[] = {
    {"self_attn.output_norm", "model.layers.#.post_attention_layernorm"},
    {"post_attention_layernorm", "model.layers.#.pre_feedforward_layernorm"},
    {"mlp.output_norm", "model.layers.#.post_feedforward_layernorm"},
};

}  // namespace

constexpr Architecture kGemma = {"gemma", ParseGemma, {"model.", {}}};
constexpr Architecture kGemma2 = {
    "gemma2", ParseGemma2, {"model.", kGemma2Names}};
constexpr Architecture kGemma3Text = {
    "gemma3_text", ParseGemma3, {"model.", kGemma2Names}};

}  // namespace ounce
