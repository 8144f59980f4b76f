// ALBERT: BERT whose layers share their weights by groups, most often all of
// them, and whose embeddings are narrower than the layers.
// Source: arXiv:1909.11942; config defaults as in transformers 5.12.
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseAlbert(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder(
      {.vocab = 30000,
       .width = 4096,
       .layers = 12,
       .heads = 64,
       .ffn = 16384,
       .max_context = 512,
       .norm_epsilon = 1e-12,
       .activation = "gelu_new",
       .tied_head = true,
       .position = PositionKind::kLearned,
       .keys = {.norm_epsilon = "layer_norm_eps", .grouped = false}},
      &reader);
  UsePostNormEncoder(&spec);
  spec.token_types = reader.Int("type_vocab_size", 2);
  spec.layer_groups = reader.Int("num_hidden_groups", 1);
  if (spec.layer_groups < 1) {
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("\"num_hidden_groups\" is ", spec.layer_groups,
                     "; expected 1 or more")));
  }
  reader.Refuse(reader.Int("inner_group_num", 1) != 1,
                "\"inner_group_num\" other than 1");
  // Projected, with a bias, even where it is as wide.
  spec.embedding_width = reader.Int("embedding_size", 128);
  spec.embedding_projected_last = true;
  ReadHead({.pooler = HeadTransform(),
            .sequence = HeadTransform(),
            .language_model = {.norm = true, .activation = spec.activation}},
           &reader, &spec);
  return FinishEncoder(&reader, std::move(spec));
}

#define OUNCE_ALBERT_LAYER "encoder.albert_layer_groups.#.albert_layers.0."

constexpr NameRow kBaseNames[] = {
    {"model.embed_tokens", "embeddings.word_embeddings"},
    {"model.embed_positions", "embeddings.position_embeddings"},
    {"model.embed_token_types", "embeddings.token_type_embeddings"},
    {"model.embed_norm", "embeddings.LayerNorm"},
    {"model.project_in", "encoder.embedding_hidden_mapping_in"},
    {"self_attn.q_proj", OUNCE_ALBERT_LAYER "attention.query"},
    {"self_attn.k_proj", OUNCE_ALBERT_LAYER "attention.key"},
    {"self_attn.v_proj", OUNCE_ALBERT_LAYER "attention.value"},
    {"self_attn.o_proj", OUNCE_ALBERT_LAYER "attention.dense"},
    {"input_layernorm", OUNCE_ALBERT_LAYER "attention.LayerNorm"},
    {"mlp.up_proj", OUNCE_ALBERT_LAYER "ffn"},
    {"mlp.down_proj", OUNCE_ALBERT_LAYER "ffn_output"},
    {"post_attention_layernorm", OUNCE_ALBERT_LAYER "full_layer_layer_norm"},
    {"pooler", "pooler"},
    {"classifier_transform", "pooler"},
};

#undef OUNCE_ALBERT_LAYER

constexpr NameRow kNames[] = {
    {"lm_head_transform", "predictions.dense"},
    {"lm_head_transform_norm", "predictions.LayerNorm"},
    {"lm_head.weight", "predictions.decoder"},
    {.canonical = "lm_head.bias",
     .source = "predictions.bias",
     .is_whole_name = true},
    {"lm_head.bias", "predictions.decoder"},
};
constexpr absl::string_view kUnused[] = {"predictions.", "sop_classifier.",
                                         "pooler."};

}  // namespace

constexpr Architecture kAlbert = {
    "albert", ParseAlbert, {"albert.", kNames, kBaseNames, kUnused}};

}  // namespace ounce
