#include "model/arch/encoder_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "model/arch/decoder_config.h"

namespace ounce {
namespace {

constexpr int64_t kMaxLabels = 1 << 16;

absl::Status BadLabels() {
  return absl::InvalidArgumentError(
      "\"id2label\" is no list of labels; expected an object that names the "
      "labels 0, 1, ...");
}

absl::StatusOr<std::vector<std::string>> ParseLabels(const Json::Object& map) {
  std::vector<std::string> labels(map.size());
  for (const auto& [key, value] : map.members()) {
    size_t index;
    const std::string* label = value.AsString();
    // As it is written alone, so that no two keys are one number.
    if (!absl::SimpleAtoi(key, &index) || index >= labels.size() ||
        key != absl::StrCat(index) || label == nullptr) {
      return BadLabels();
    }
    labels[index] = *label;
  }
  return labels;
}

std::vector<std::string> ReadLabels(ConfigReader* reader) {
  if (reader->HasValue("id2label")) {
    const Json* map = reader->config().Find("id2label");
    auto labels = map->AsObject() == nullptr ? BadLabels()
                                             : ParseLabels(*map->AsObject());
    reader->Fail(labels.status());
    return labels.value_or(std::vector<std::string>{""});
  }
  const int64_t count = reader->Int("num_labels", 2);
  if (count < 1 || count > kMaxLabels) {
    reader->Fail(absl::InvalidArgumentError(absl::StrCat(
        "\"num_labels\" is ", count, "; expected 1 to ", kMaxLabels)));
    return {};
  }
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) {
    labels.push_back(absl::StrCat("LABEL_", i));
  }
  return labels;
}

void UseTransform(const std::optional<HeadTransform>& transform,
                  ModelSpec* spec) {
  if (!transform.has_value()) return;
  spec->transform = *transform;
  spec->transform.present = true;
}

int32_t ReadId(absl::string_view key, ConfigReader* reader) {
  const int64_t id = reader->Int(key, -1);
  reader->Refuse(id < -1 || id > INT32_MAX, absl::StrCat("\"", key, "\" ", id));
  return static_cast<int32_t>(std::clamp<int64_t>(id, -1, INT32_MAX));
}

// Of the sequences in `bad_words_ids` those of one id.
std::vector<int32_t> ReadSuppressed(ConfigReader* reader) {
  std::vector<int32_t> suppressed;
  if (!reader->HasValue("bad_words_ids")) return suppressed;
  const Json::Array* words = reader->config().Find("bad_words_ids")->AsArray();
  if (words == nullptr) return suppressed;
  for (const Json& word : *words) {
    const Json::Array* ids = word.AsArray();
    if (ids == nullptr || ids->size() != 1) continue;
    const std::optional<int64_t> id = ids->front().AsInt();
    if (id.has_value() && *id >= 0 && *id <= INT32_MAX) {
      suppressed.push_back(static_cast<int32_t>(*id));
    }
  }
  return suppressed;
}

}  // namespace

void UsePostNormEncoder(ModelSpec* spec) {
  UseLayerNorm(spec);
  spec->causal = false;
  spec->norm_placement = NormPlacement::kSum;
  spec->final_norm = false;
  spec->embedding_norm = true;
  spec->gated_ffn = false;
  spec->qkv_bias = spec->output_bias = spec->ffn_bias = true;
}

void ReadHead(const EncoderHeads& heads, ConfigReader* reader,
              ModelSpec* spec) {
  const std::vector<std::string> names = reader->Strings("architectures");
  const std::string name = names.empty() ? "Model" : names.front();
  const bool pretraining = absl::EndsWith(name, "ForPreTraining");
  if (absl::EndsWith(name, "ForSequenceClassification")) {
    spec->head = HeadKind::kSequenceLabels;
    UseTransform(heads.sequence, spec);
  } else if (absl::EndsWith(name, "ForTokenClassification")) {
    spec->head = HeadKind::kTokenLabels;
    UseTransform(heads.token, spec);
  } else if (absl::EndsWith(name, "ForMaskedLM") ||
             (pretraining && heads.pretrains_language_model)) {
    spec->head = HeadKind::kLanguageModel;
    spec->head_bias = true;
    UseTransform(heads.language_model, spec);
  } else if ((absl::EndsWith(name, "Model") &&
              !absl::EndsWith(name, "LMHeadModel")) ||
             pretraining) {
    spec->head = HeadKind::kNone;
    spec->pooling = Pooling::kMean;
    UseTransform(heads.pooler, spec);
  } else {
    reader->Fail(absl::UnimplementedError(absl::StrCat(
        "\"architectures\" has \"", name,
        "\"; supported are the base model, ForSequenceClassification, "
        "ForTokenClassification and ForMaskedLM")));
  }
  if (!spec->has_labels()) return;
  spec->labels = ReadLabels(reader);
  spec->multi_label =
      reader->String("problem_type", "") == "multi_label_classification";
}

absl::StatusOr<ModelSpec> FinishEncoder(ConfigReader* reader, ModelSpec spec) {
  for (const absl::string_view key : {"is_decoder", "add_cross_attention"}) {
    reader->Refuse(reader->Bool(key, false),
                   absl::StrCat("\"", key, "\": true"));
  }
  const std::string position =
      reader->String("position_embedding_type", "absolute");
  reader->Refuse(
      position != "absolute",
      absl::StrCat("\"position_embedding_type\": \"", position, "\""));
  RefusePrunedHeads(reader);
  OUNCE_RETURN_IF_ERROR(reader->status());
  return spec;
}

absl::StatusOr<ModelSpec> FinishEncoderDecoder(ConfigReader* reader,
                                               ModelSpec spec) {
  const std::vector<std::string> names = reader->Strings("architectures");
  for (const absl::string_view other :
       {"Classification", "QuestionAnswering", "EncoderModel", "ForCausalLM"}) {
    reader->Refuse(!names.empty() && absl::EndsWith(names.front(), other),
                   absl::StrCat("\"architectures\": \"",
                                names.empty() ? "" : names.front(),
                                "\"; of encoder-decoders only the generation "
                                "of text"));
  }
  RefusePrunedHeads(reader);
  OUNCE_RETURN_IF_ERROR(reader->status());
  if (spec.encoder.layers > 0) return spec;
  return absl::InvalidArgumentError(absl::StrCat(
      "encoder layers is ", spec.encoder.layers, "; expected 1 or more"));
}

absl::StatusOr<GenerationSpec> ParseGeneration(const Json& config,
                                               const Json* generation_config) {
  ConfigReader reader(generation_config != nullptr ? *generation_config
                                                   : config);
  GenerationSpec generation;
  generation.start_id = ReadId("decoder_start_token_id", &reader);
  if (generation.start_id < 0) {
    ConfigReader fallback(config);
    generation.start_id = ReadId("decoder_start_token_id", &fallback);
    if (generation.start_id < 0) {
      generation.start_id = ReadId("bos_token_id", &fallback);
    }
    reader.Fail(fallback.status());
  }
  generation.forced_first_id = ReadId("forced_bos_token_id", &reader);
  generation.forced_last_id = ReadId("forced_eos_token_id", &reader);
  generation.beams = reader.Int("num_beams", 1);
  generation.length_penalty = reader.Double("length_penalty", 1.0);
  // The third value, "never", is the most patient kind of false.
  const Json* early = reader.config().Find("early_stopping");
  generation.early_stopping =
      early != nullptr && early->AsBool().value_or(false);
  generation.no_repeat_ngram = reader.Int("no_repeat_ngram_size", 0);
  generation.max_tokens = reader.Int("max_length", 0);
  generation.min_tokens = reader.Int("min_length", 0);
  generation.suppressed_ids = ReadSuppressed(&reader);
  OUNCE_RETURN_IF_ERROR(reader.status());
  return generation;
}

}  // namespace ounce
