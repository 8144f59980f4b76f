// What configs of encoders and encoder-decoders share beyond those of decoders.
#ifndef OUNCE_MODEL_ARCH_ENCODER_CONFIG_H_
#define OUNCE_MODEL_ARCH_ENCODER_CONFIG_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "model/arch/config_reader.h"
#include "model/spec.h"

namespace ounce {

// What an encoder family puts between its hidden states and each head; nothing
// where there is none.
struct EncoderHeads {
  std::optional<HeadTransform> pooler = std::nullopt;  // Of the base model.
  std::optional<HeadTransform> sequence = std::nullopt;
  std::optional<HeadTransform> token = std::nullopt;
  HeadTransform language_model = {};
  // ForPreTraining is a language model with more; else a base model with a head
  // that tells nothing (ELECTRA's discriminator).
  bool pretrains_language_model = true;
};

// The encoder of BERT and its kin: both sides are seen, norms follow the sums
// and the embedding, biases are everywhere, positions are learned.
void UsePostNormEncoder(ModelSpec* spec);

// The head by the suffix of the first of `architectures` ("BertModel",
// "...ForSequenceClassification", "...ForTokenClassification",
// "...ForMaskedLM",
// "...ForPreTraining"), the base model if there are none; labels by `id2label`,
// else `num_labels`, else 2 as the reference has them.
// The reader fails with kUnimplemented for any other.
void ReadHead(const EncoderHeads& heads, ConfigReader* reader, ModelSpec* spec);

// `spec`, checked by nobody yet, or the reader's first error.  Refuses what
// makes an encoder another model: a decoder's mask, cross-attention, positions
// in the scores, pruned heads.
absl::StatusOr<ModelSpec> FinishEncoder(ConfigReader* reader, ModelSpec spec);

// The same for an encoder-decoder, of which only text generation is read.
absl::StatusOr<ModelSpec> FinishEncoderDecoder(ConfigReader* reader,
                                               ModelSpec spec);

// How texts are generated, by generation_config.json (null if there is none;
// what it lacks is not asked for then) or else the config.
// kInvalidArgument: a value of a wrong type or out of range.
absl::StatusOr<GenerationSpec> ParseGeneration(const Json& config,
                                               const Json* generation_config);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_ENCODER_CONFIG_H_
