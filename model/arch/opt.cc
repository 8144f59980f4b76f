// OPT: learned positions that begin at row 2; the smallest but one has narrower
// embeddings and its norms behind the sums.
// Source: OPT, arXiv:2205.01068; config defaults as in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseOpt(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 50272,
                                .width = 768,
                                .layers = 12,
                                .heads = 12,
                                .ffn = 3072,
                                .norm_epsilon = 1e-5,
                                .activation = "relu",
                                .tied_head = true,
                                .position = PositionKind::kLearned,
                                // The norms' epsilon is no key of an OPT.
                                .keys = {.ffn = "ffn_dim",
                                         .norm_epsilon = "",
                                         .activation = "activation_function",
                                         .grouped = false}},
                               &reader);
  UseLayerNorm(&spec);
  reader.Refuse(!reader.Bool("layer_norm_elementwise_affine", true),
                "\"layer_norm_elementwise_affine\": false");
  spec.position_offset = 2;
  spec.gated_ffn = false;
  spec.qkv_bias = reader.Bool("enable_bias", true);
  spec.output_bias = spec.ffn_bias = spec.qkv_bias;
  if (!reader.Bool("do_layer_norm_before", true)) {
    spec.norm_placement = NormPlacement::kSum;
  }
  spec.final_norm = spec.norm_placement == NormPlacement::kInput &&
                    !reader.Bool("_remove_final_layer_norm", false);
  spec.embedding_width = reader.Int("word_embed_proj_dim", spec.width);
  // 0 would mean `width` in a spec.
  reader.Refuse(spec.embedding_width == 0 && spec.width != 0,
                "\"word_embed_proj_dim\": 0");
  if (spec.embedding_width == spec.width) spec.embedding_width = 0;
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"model.embed_tokens", "model.decoder.embed_tokens"},
    {"model.embed_positions", "model.decoder.embed_positions"},
    {"model.project_in", "model.decoder.project_in"},
    {"model.project_out", "model.decoder.project_out"},
    {"input_layernorm", "model.decoder.layers.#.self_attn_layer_norm"},
    {"self_attn.q_proj", "model.decoder.layers.#.self_attn.q_proj"},
    {"self_attn.k_proj", "model.decoder.layers.#.self_attn.k_proj"},
    {"self_attn.v_proj", "model.decoder.layers.#.self_attn.v_proj"},
    {"self_attn.o_proj", "model.decoder.layers.#.self_attn.out_proj"},
    {"post_attention_layernorm", "model.decoder.layers.#.final_layer_norm"},
    {"mlp.up_proj", "model.decoder.layers.#.fc1"},
    {"mlp.down_proj", "model.decoder.layers.#.fc2"},
    {"model.norm", "model.decoder.final_layer_norm"},
};

}  // namespace

constexpr Architecture kOpt = {"opt", ParseOpt, {"model.", kNames}};

}  // namespace ounce
