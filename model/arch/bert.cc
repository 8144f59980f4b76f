// BERT and its kin: RoBERTa, whose positions are counted from the padding's id
// on, XLM-RoBERTa, and ELECTRA, whose embeddings may be narrower.
// Source: arXiv:1810.04805, 1907.11692, 1911.02116, 2003.10555; config defaults
// and heads as in transformers 5.12.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

ModelSpec ReadBert(const DecoderDefaults& defaults, ConfigReader* reader) {
  ModelSpec spec = ReadDecoder(defaults, reader);
  UsePostNormEncoder(&spec);
  spec.token_types = reader->Int("type_vocab_size", 2);
  return spec;
}

DecoderDefaults BertDefaults() {
  return {.vocab = 30522,
          .width = 768,
          .layers = 12,
          .heads = 12,
          .ffn = 3072,
          .max_context = 512,
          .norm_epsilon = 1e-12,
          .activation = "gelu",
          .tied_head = true,
          .position = PositionKind::kLearned,
          .keys = {.norm_epsilon = "layer_norm_eps", .grouped = false}};
}

absl::StatusOr<ModelSpec> ParseBert(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadBert(BertDefaults(), &reader);
  ReadHead({.pooler = HeadTransform(),
            .sequence = HeadTransform(),
            .language_model = {.norm = true, .activation = spec.activation}},
           &reader, &spec);
  return FinishEncoder(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseRoberta(const Json& config, int64_t vocab) {
  ConfigReader reader(config);
  DecoderDefaults defaults = BertDefaults();
  defaults.vocab = vocab;
  ModelSpec spec = ReadBert(defaults, &reader);
  // The rows before the padding's id serve nobody.
  spec.unplaced_id = reader.Int("pad_token_id", 1);
  if (spec.unplaced_id < -1 ||
      spec.unplaced_id > std::max<int64_t>(0, spec.max_context) - 2) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat(
        "\"pad_token_id\" is ", spec.unplaced_id,
        "; positions count from it, so that it must be -1 or more and leave "
        "some of \"max_position_embeddings\", ",
        spec.max_context)));
    return reader.status();
  }
  spec.position_offset = spec.unplaced_id + 1;
  spec.max_context -= spec.position_offset;
  ReadHead(
      {.pooler = HeadTransform(),
       .sequence = HeadTransform(),
       .language_model = {.norm = true, .activation = ActivationKind::kGelu}},
      &reader, &spec);
  return FinishEncoder(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseElectra(const Json& config) {
  ConfigReader reader(config);
  DecoderDefaults defaults = BertDefaults();
  defaults.width = 256;
  defaults.heads = 4;
  defaults.ffn = 1024;
  ModelSpec spec = ReadBert(defaults, &reader);
  spec.embedding_width = reader.Int("embedding_size", 128);
  spec.embedding_projected_last = true;
  if (spec.embedding_width == spec.width) {
    spec.embedding_width = 0;
    spec.embedding_projected_last = false;
  }
  const HeadTransform gelu = {.activation = ActivationKind::kGelu};
  ReadHead(
      {.sequence = gelu,
       .language_model = {.norm = true, .activation = ActivationKind::kGelu},
       .pretrains_language_model = false},
      &reader, &spec);
  return FinishEncoder(&reader, std::move(spec));
}

// Below the prefix of each.
constexpr NameRow kBaseNames[] = {
    {"model.embed_tokens", "embeddings.word_embeddings"},
    {"model.embed_positions", "embeddings.position_embeddings"},
    {"model.embed_token_types", "embeddings.token_type_embeddings"},
    {"model.embed_norm", "embeddings.LayerNorm"},
    {"model.project_in", "embeddings_project"},
    {"self_attn.q_proj", "encoder.layer.#.attention.self.query"},
    {"self_attn.k_proj", "encoder.layer.#.attention.self.key"},
    {"self_attn.v_proj", "encoder.layer.#.attention.self.value"},
    {"self_attn.o_proj", "encoder.layer.#.attention.output.dense"},
    {"input_layernorm", "encoder.layer.#.attention.output.LayerNorm"},
    {"mlp.up_proj", "encoder.layer.#.intermediate.dense"},
    {"mlp.down_proj", "encoder.layer.#.output.dense"},
    {"post_attention_layernorm", "encoder.layer.#.output.LayerNorm"},
    {"pooler", "pooler.dense"},
};

constexpr NameRow kBertNames[] = {
    {"classifier_transform", "bert.pooler.dense"},
    {"lm_head_transform", "cls.predictions.transform.dense"},
    {"lm_head_transform_norm", "cls.predictions.transform.LayerNorm"},
    {"lm_head.weight", "cls.predictions.decoder"},
    {.canonical = "lm_head.bias",
     .source = "cls.predictions.bias",
     .is_whole_name = true},
    {"lm_head.bias", "cls.predictions.decoder"},
};
constexpr absl::string_view kBertUnused[] = {"cls.", "pooler."};

constexpr NameRow kRobertaNames[] = {
    {"classifier_transform", "classifier.dense"},
    {"classifier", "classifier.out_proj"},
    {"classifier", "classifier"},
    {"lm_head_transform", "lm_head.dense"},
    {"lm_head_transform_norm", "lm_head.layer_norm"},
    {"lm_head.weight", "lm_head.decoder"},
    {"lm_head.bias", "lm_head"},
    {"lm_head.bias", "lm_head.decoder"},
};
constexpr absl::string_view kRobertaUnused[] = {"lm_head.", "pooler."};

constexpr NameRow kElectraNames[] = {
    {"classifier_transform", "classifier.dense"},
    {"classifier", "classifier.out_proj"},
    {"classifier", "classifier"},
    {"lm_head_transform", "generator_predictions.dense"},
    {"lm_head_transform_norm", "generator_predictions.LayerNorm"},
    {"lm_head", "generator_lm_head"},
};
constexpr absl::string_view kElectraUnused[] = {
    "generator_", "discriminator_predictions.", "sequence_summary."};

}  // namespace

constexpr Architecture kBert = {
    "bert", ParseBert, {"bert.", kBertNames, kBaseNames, kBertUnused}};
constexpr Architecture kRoberta = {
    "roberta",
    [](const Json& config) { return ParseRoberta(config, 50265); },
    {"roberta.", kRobertaNames, kBaseNames, kRobertaUnused}};
constexpr Architecture kXlmRoberta = {
    "xlm-roberta",
    [](const Json& config) { return ParseRoberta(config, 30522); },
    {"roberta.", kRobertaNames, kBaseNames, kRobertaUnused}};
constexpr Architecture kElectra = {
    "electra",
    ParseElectra,
    {"electra.", kElectraNames, kBaseNames, kElectraUnused}};

}  // namespace ounce
