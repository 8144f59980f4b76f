// DistilBERT: BERT without kinds of tokens and without a pooler.
// Source: arXiv:1910.01108; config defaults as in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseDistilBert(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 30522,
                                .width = 768,
                                .layers = 6,
                                .heads = 12,
                                .ffn = 3072,
                                .max_context = 512,
                                .norm_epsilon = 1e-12,
                                .activation = "gelu",
                                .tied_head = true,
                                .position = PositionKind::kLearned,
                                // The norms' epsilon is no key of it.
                                .keys = {.width = "dim",
                                         .layers = "n_layers",
                                         .heads = "n_heads",
                                         .ffn = "hidden_dim",
                                         .norm_epsilon = "",
                                         .activation = "activation",
                                         .grouped = false}},
                               &reader);
  UsePostNormEncoder(&spec);
  const HeadTransform relu = {.activation = ActivationKind::kRelu};
  ReadHead({.sequence = relu,
            .language_model = {.norm = true, .activation = spec.activation}},
           &reader, &spec);
  return FinishEncoder(&reader, std::move(spec));
}

constexpr NameRow kBaseNames[] = {
    {"model.embed_tokens", "embeddings.word_embeddings"},
    {"model.embed_positions", "embeddings.position_embeddings"},
    {"model.embed_norm", "embeddings.LayerNorm"},
    {"self_attn.q_proj", "transformer.layer.#.attention.q_lin"},
    {"self_attn.k_proj", "transformer.layer.#.attention.k_lin"},
    {"self_attn.v_proj", "transformer.layer.#.attention.v_lin"},
    {"self_attn.o_proj", "transformer.layer.#.attention.out_lin"},
    {"input_layernorm", "transformer.layer.#.sa_layer_norm"},
    {"mlp.up_proj", "transformer.layer.#.ffn.lin1"},
    {"mlp.down_proj", "transformer.layer.#.ffn.lin2"},
    {"post_attention_layernorm", "transformer.layer.#.output_layer_norm"},
};
constexpr NameRow kNames[] = {
    {"classifier_transform", "pre_classifier"},
    {"classifier", "classifier"},
    {"lm_head_transform", "vocab_transform"},
    {"lm_head_transform_norm", "vocab_layer_norm"},
    {"lm_head", "vocab_projector"},
};
constexpr absl::string_view kUnused[] = {"vocab_"};

}  // namespace

constexpr Architecture kDistilBert = {
    "distilbert",
    ParseDistilBert,
    {"distilbert.", kNames, kBaseNames, kUnused}};

}  // namespace ounce
