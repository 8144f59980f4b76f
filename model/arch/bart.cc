// BART, mBART (norms before the sub-layers) and Marian (sinusoidal positions):
// encoder-decoders as in the paper of the transformer.
// Source: arXiv:1706.03762, 1910.13461, 2001.08210, 1804.00344; config defaults
// as in transformers 5.12.
#include <cmath>
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

ModelSpec ReadBart(int64_t vocab, PositionKind position, ConfigReader* reader) {
  ModelSpec spec = ReadDecoder({.vocab = vocab,
                                .width = 1024,
                                .layers = 12,
                                .heads = 16,
                                .ffn = 4096,
                                .max_context = 1024,
                                .norm_epsilon = 1e-5,
                                .activation = "gelu",
                                .tied_head = true,
                                .position = position,
                                .keys = {.width = "d_model",
                                         .layers = "decoder_layers",
                                         .heads = "decoder_attention_heads",
                                         .ffn = "decoder_ffn_dim",
                                         .norm_epsilon = "",
                                         .activation = "activation_function",
                                         .grouped = false}},
                               reader);
  UseLayerNorm(&spec);
  spec.norm_placement = NormPlacement::kSum;
  spec.final_norm = false;
  spec.gated_ffn = false;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  spec.head_bias = true;
  spec.encoder.layers = reader->Int("encoder_layers", 12);
  spec.encoder.heads = reader->Int("encoder_attention_heads", 16);
  spec.encoder.head_dim =
      spec.encoder.heads > 0 ? spec.width / spec.encoder.heads : 0;
  spec.encoder.ffn = reader->Int("encoder_ffn_dim", 4096);
  if (reader->Bool("scale_embedding", false) && spec.width > 0) {
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.width));
  }
  return spec;
}

absl::StatusOr<ModelSpec> ParseBart(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadBart(50265, PositionKind::kLearned, &reader);
  spec.position_offset = 2;
  spec.embedding_norm = true;
  return FinishEncoderDecoder(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseMbart(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadBart(50265, PositionKind::kLearned, &reader);
  spec.position_offset = 2;
  spec.embedding_norm = true;
  spec.norm_placement = NormPlacement::kInput;
  spec.final_norm = true;
  return FinishEncoderDecoder(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseMarian(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadBart(58101, PositionKind::kSinusoidal, &reader);
  if (!reader.Bool("share_encoder_decoder_embeddings", true)) {
    spec.encoder.vocab = spec.vocab;
    spec.vocab = reader.Int("decoder_vocab_size", spec.vocab);
  }
  return FinishEncoderDecoder(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"model.embed_tokens", "model.shared"},
    {"model.embed_tokens", "model.decoder.embed_tokens"},
    {"model.embed_positions", "model.decoder.embed_positions"},
    {"model.embed_norm", "model.decoder.layernorm_embedding"},
    {"self_attn.q_proj", "model.decoder.layers.#.self_attn.q_proj"},
    {"self_attn.k_proj", "model.decoder.layers.#.self_attn.k_proj"},
    {"self_attn.v_proj", "model.decoder.layers.#.self_attn.v_proj"},
    {"self_attn.o_proj", "model.decoder.layers.#.self_attn.out_proj"},
    {"input_layernorm", "model.decoder.layers.#.self_attn_layer_norm"},
    {"cross_attn.q_proj", "model.decoder.layers.#.encoder_attn.q_proj"},
    {"cross_attn.k_proj", "model.decoder.layers.#.encoder_attn.k_proj"},
    {"cross_attn.v_proj", "model.decoder.layers.#.encoder_attn.v_proj"},
    {"cross_attn.o_proj", "model.decoder.layers.#.encoder_attn.out_proj"},
    {"cross_attention_layernorm",
     "model.decoder.layers.#.encoder_attn_layer_norm"},
    {"mlp.up_proj", "model.decoder.layers.#.fc1"},
    {"mlp.down_proj", "model.decoder.layers.#.fc2"},
    {"post_attention_layernorm", "model.decoder.layers.#.final_layer_norm"},
    {"model.norm", "model.decoder.layer_norm"},
    {"lm_head.weight", "lm_head"},
    {.canonical = "lm_head.bias",
     .source = "final_logits_bias",
     .fusion = Fusion::kRowVector,
     .is_whole_name = true},
    {"encoder.embed_tokens", "model.encoder.embed_tokens"},
    {"encoder.embed_positions", "model.encoder.embed_positions"},
    {"encoder.embed_norm", "model.encoder.layernorm_embedding"},
    {"encoder.self_attn.q_proj", "model.encoder.layers.#.self_attn.q_proj"},
    {"encoder.self_attn.k_proj", "model.encoder.layers.#.self_attn.k_proj"},
    {"encoder.self_attn.v_proj", "model.encoder.layers.#.self_attn.v_proj"},
    {"encoder.self_attn.o_proj", "model.encoder.layers.#.self_attn.out_proj"},
    {"encoder.input_layernorm", "model.encoder.layers.#.self_attn_layer_norm"},
    {"encoder.mlp.up_proj", "model.encoder.layers.#.fc1"},
    {"encoder.mlp.down_proj", "model.encoder.layers.#.fc2"},
    {"encoder.post_attention_layernorm",
     "model.encoder.layers.#.final_layer_norm"},
    {"encoder.norm", "model.encoder.layer_norm"},
};
// Copies of what is tied, numbers of versions, sinusoids, other heads.
constexpr absl::string_view kUnused[] = {"encoder.embed_tokens.",
                                         "decoder.embed_tokens.",
                                         "shared.",
                                         "encoder.version",
                                         "decoder.version",
                                         "encoder.embed_positions.",
                                         "decoder.embed_positions.",
                                         "classification_head.",
                                         "model.encoder.version",
                                         "model.decoder.version"};

}  // namespace

constexpr Architecture kBart = {
    "bart", ParseBart, {"model.", kNames, {}, kUnused}};
constexpr Architecture kMbart = {
    "mbart", ParseMbart, {"model.", kNames, {}, kUnused}};
constexpr Architecture kMarian = {
    "marian", ParseMarian, {"model.", kNames, {}, kUnused}};

}  // namespace ounce
