// T5: an encoder-decoder whose scores are biased by buckets of distance, with
// RMS norms and no biases; mT5 is the same with other defaults.
// Source: arXiv:1910.10683, 2010.11934; config defaults as in transformers
// 5.12.
#include <cmath>
#include <utility>

#include "absl/strings/strip.h"
#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

struct T5Defaults {
  int64_t vocab;
  int64_t ffn;
  int64_t layers;
  int64_t heads;
  absl::string_view feed_forward;
  bool scales_logits;
};
constexpr T5Defaults kT5Defaults = {32128, 2048, 6, 8, "relu", true};
constexpr T5Defaults kMt5Defaults = {250112, 1024, 8, 6, "gated-gelu", false};

// "relu", "gated-gelu" ...: of which "gated-gelu" is the approximation.
void ReadFeedForward(const T5Defaults& defaults, ConfigReader* reader,
                     ModelSpec* spec) {
  const std::string kind =
      reader->String("feed_forward_proj", defaults.feed_forward);
  absl::string_view name = kind;
  spec->gated_ffn = absl::ConsumePrefix(&name, "gated-");
  const auto activation =
      ParseActivation(kind == "gated-gelu" ? "gelu_new" : name);
  reader->Fail(activation.status());
  spec->activation = activation.value_or(ActivationKind::kRelu);
}

// What configs call tied tells whether T5's logits are scaled, unless a newer
// key does; of mT5 none are.  The head is the embedding unless the file has
// another (AdoptHead()).
void ReadT5Head(const T5Defaults& defaults, ConfigReader* reader,
                ModelSpec* spec) {
  const bool scaled = reader->Bool("scale_decoder_outputs", spec->tied_head);
  spec->tied_head = true;
  if (!defaults.scales_logits || !scaled) return;
  if (spec->width < 1) return;  // CheckSpec() says so.
  spec->logit_scale = 1.0 / std::sqrt(static_cast<double>(spec->width));
}

absl::StatusOr<ModelSpec> ParseT5(const Json& config,
                                  const T5Defaults& defaults) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = defaults.vocab,
                                .width = 512,
                                .layers = defaults.layers,
                                .heads = defaults.heads,
                                .ffn = defaults.ffn,
                                .max_context = 512,
                                .norm_epsilon = 1e-6,
                                .activation = "relu",
                                .tied_head = true,
                                .position = PositionKind::kRelative,
                                .keys = {.width = "d_model",
                                         .layers = "num_layers",
                                         .heads = "num_heads",
                                         .max_context = "n_positions",
                                         .ffn = "d_ff",
                                         .norm_epsilon = "layer_norm_epsilon",
                                         .activation = "",
                                         .grouped = false}},
                               &reader);
  spec.head_dim = reader.Int("d_kv", 64);
  spec.encoder = {.layers = spec.layers,
                  .heads = spec.heads,
                  .head_dim = spec.head_dim,
                  .ffn = spec.ffn};
  spec.layers = reader.Int("num_decoder_layers", spec.layers);
  spec.attention_scale = 1.0;
  spec.relative_buckets = reader.Int("relative_attention_num_buckets", 32);
  spec.relative_max_distance =
      reader.Int("relative_attention_max_distance", 128);
  ReadFeedForward(defaults, &reader, &spec);
  ReadT5Head(defaults, &reader, &spec);
  return FinishEncoderDecoder(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"model.embed_tokens", "shared"},
    {"model.embed_tokens", "decoder.embed_tokens"},
    {"model.embed_tokens", "encoder.embed_tokens"},
    {"model.relative_bias",
     "decoder.block.0.layer.0.SelfAttention.relative_attention_bias"},
    {"input_layernorm", "decoder.block.#.layer.0.layer_norm"},
    {"self_attn.q_proj", "decoder.block.#.layer.0.SelfAttention.q"},
    {"self_attn.k_proj", "decoder.block.#.layer.0.SelfAttention.k"},
    {"self_attn.v_proj", "decoder.block.#.layer.0.SelfAttention.v"},
    {"self_attn.o_proj", "decoder.block.#.layer.0.SelfAttention.o"},
    {"cross_attention_layernorm", "decoder.block.#.layer.1.layer_norm"},
    {"cross_attn.q_proj", "decoder.block.#.layer.1.EncDecAttention.q"},
    {"cross_attn.k_proj", "decoder.block.#.layer.1.EncDecAttention.k"},
    {"cross_attn.v_proj", "decoder.block.#.layer.1.EncDecAttention.v"},
    {"cross_attn.o_proj", "decoder.block.#.layer.1.EncDecAttention.o"},
    {"post_attention_layernorm", "decoder.block.#.layer.2.layer_norm"},
    {"mlp.gate_proj", "decoder.block.#.layer.2.DenseReluDense.wi_0"},
    {"mlp.up_proj", "decoder.block.#.layer.2.DenseReluDense.wi_1"},
    {"mlp.up_proj", "decoder.block.#.layer.2.DenseReluDense.wi"},
    {"mlp.down_proj", "decoder.block.#.layer.2.DenseReluDense.wo"},
    {"model.norm", "decoder.final_layer_norm"},
    {"encoder.relative_bias",
     "encoder.block.0.layer.0.SelfAttention.relative_attention_bias"},
    {"encoder.input_layernorm", "encoder.block.#.layer.0.layer_norm"},
    {"encoder.self_attn.q_proj", "encoder.block.#.layer.0.SelfAttention.q"},
    {"encoder.self_attn.k_proj", "encoder.block.#.layer.0.SelfAttention.k"},
    {"encoder.self_attn.v_proj", "encoder.block.#.layer.0.SelfAttention.v"},
    {"encoder.self_attn.o_proj", "encoder.block.#.layer.0.SelfAttention.o"},
    {"encoder.post_attention_layernorm", "encoder.block.#.layer.1.layer_norm"},
    {"encoder.mlp.gate_proj", "encoder.block.#.layer.1.DenseReluDense.wi_0"},
    {"encoder.mlp.up_proj", "encoder.block.#.layer.1.DenseReluDense.wi_1"},
    {"encoder.mlp.up_proj", "encoder.block.#.layer.1.DenseReluDense.wi"},
    {"encoder.mlp.down_proj", "encoder.block.#.layer.1.DenseReluDense.wo"},
    {"encoder.norm", "encoder.final_layer_norm"},
};
constexpr absl::string_view kUnused[] = {
    "encoder.embed_tokens.", "decoder.embed_tokens.",
    // Of checkpoints of the first years; nothing reads it.
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias."};

}  // namespace

constexpr Architecture kT5 = {
    "t5",
    [](const Json& config) { return ParseT5(config, kT5Defaults); },
    {"", kNames, {}, kUnused}};
constexpr Architecture kMt5 = {
    "mt5",
    [](const Json& config) { return ParseT5(config, kMt5Defaults); },
    {"", kNames, {}, kUnused}};

}  // namespace ounce
