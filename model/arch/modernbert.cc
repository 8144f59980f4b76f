// ModernBERT: an encoder with rotary positions, gated feed-forwards, norms
// before the sub-layers, and windows in two of three layers.
// Source: arXiv:2412.13663; config defaults as in transformers 5.12.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

void ReadWindows(ConfigReader* reader, ModelSpec* spec) {
  const int64_t every = reader->Int("global_attn_every_n_layers", 3);
  reader->Refuse(every < 1, "\"global_attn_every_n_layers\" less than 1");
  spec->layer_kinds = ReadLayerKinds(
      *spec, [every](int64_t layer) { return every > 0 && layer % every != 0; },
      reader);
  for (LayerKind& kind : spec->layer_kinds) {
    kind.rotary = kind.windowed ? LayerRotary::kLocal : LayerRotary::kGlobal;
  }
  // Half of it to each side, and the token itself.
  const int64_t local = reader->Int("local_attention", 128);
  reader->Refuse(local < 0, "\"local_attention\" less than 0");
  spec->window = local / 2 + 1;
  spec->rotary =
      reader->Rotary({.base = reader->Double("global_rope_theta", 160000.0)},
                     *spec, "full_attention");
  spec->local_rotary =
      reader->Rotary({.base = reader->Double("local_rope_theta", 10000.0)},
                     *spec, "sliding_attention");
}

absl::StatusOr<ModelSpec> ParseModernBert(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 50368,
                                .width = 768,
                                .layers = 22,
                                .heads = 12,
                                .ffn = 1152,
                                .max_context = 8192,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu",
                                .tied_head = true,
                                .keys = {.norm_epsilon = "norm_eps",
                                         .activation = "hidden_activation",
                                         .grouped = false,
                                         .rotary = false}},
                               &reader);
  spec.causal = false;
  spec.norm = NormKind::kLayer;
  spec.norm_bias = reader.Bool("norm_bias", false);
  spec.embedding_norm = true;
  spec.first_norm = false;
  spec.qkv_bias = spec.output_bias = reader.Bool("attention_bias", false);
  spec.ffn_bias = reader.Bool("mlp_bias", false);
  ReadWindows(&reader, &spec);
  const HeadTransform head = {
      .bias = reader.Bool("classifier_bias", false),
      .norm = true,
      .activation = reader.Activation("classifier_activation", "gelu")};
  ReadHead({.sequence = head, .token = head, .language_model = head}, &reader,
           &spec);
  if (spec.head == HeadKind::kLanguageModel) {
    spec.head_bias = reader.Bool("decoder_bias", true);
  }
  if (spec.head == HeadKind::kSequenceLabels) {
    const std::string pooling = reader.String("classifier_pooling", "cls");
    reader.Refuse(pooling != "cls" && pooling != "mean",
                  absl::StrCat("\"classifier_pooling\": \"", pooling, "\""));
    if (pooling == "mean") spec.pooling = Pooling::kMean;
  }
  return FinishEncoder(&reader, std::move(spec));
}

constexpr absl::string_view kQkv = "layers.#.attn.Wqkv";
constexpr NameRow kBaseNames[] = {
    {"model.embed_tokens", "embeddings.tok_embeddings"},
    {"model.embed_norm", "embeddings.norm"},
    {"input_layernorm", "layers.#.attn_norm"},
    {"self_attn.q_proj", kQkv, Fusion::kQkv, 0},
    {"self_attn.k_proj", kQkv, Fusion::kQkv, 1},
    {"self_attn.v_proj", kQkv, Fusion::kQkv, 2},
    {"self_attn.o_proj", "layers.#.attn.Wo"},
    {"post_attention_layernorm", "layers.#.mlp_norm"},
    {"mlp.gate_proj", "layers.#.mlp.Wi", Fusion::kGateUp, 0},
    {"mlp.up_proj", "layers.#.mlp.Wi", Fusion::kGateUp, 1},
    {"mlp.down_proj", "layers.#.mlp.Wo"},
    {"model.norm", "final_norm"},
};
constexpr NameRow kNames[] = {
    {"classifier_transform", "head.dense"},
    {"classifier_transform_norm", "head.norm"},
    {"lm_head_transform", "head.dense"},
    {"lm_head_transform_norm", "head.norm"},
    {"lm_head", "decoder"},
};
constexpr absl::string_view kUnused[] = {"head.", "decoder."};

}  // namespace

constexpr Architecture kModernBert = {
    "modernbert", ParseModernBert, {"model.", kNames, kBaseNames, kUnused}};

}  // namespace ounce
