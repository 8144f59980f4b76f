// What is measured of a model: it follows from what the model gives.
#ifndef OUNCE_VERIFY_LOSS_KIND_H_
#define OUNCE_VERIFY_LOSS_KIND_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/spec.h"
#include "runtime/weights.h"

namespace ounce {

enum class LossKind : uint8_t {
  kDecoder,              // The next token, in windows of a text.
  kSequenceToSequence,   // The next token of a target, given its source.
  kMaskedLanguageModel,  // The token at each position of a text.
  kSequenceLabels,       // The label of a text.
  kTokenLabels,          // The label of each token.
  kEmbedding,            // The vector that stands for a text.
};

LossKind LossKindOf(const ModelSpec& spec);

// "decoder", "sequence_to_sequence", "masked_language_model",
// "sequence_labels", "token_labels", "embedding".
absl::string_view LossKindName(LossKind kind);

// A float model and the one that was made from it; both must outlive this.
struct ModelPair {
  const ModelWeights& float_model;
  const ModelWeights& model;
};

// kInvalidArgument: the models differ in what they give, or in the size of
// their vocabulary, width or list of labels.
absl::Status CheckComparable(const ModelPair& models);

}  // namespace ounce

#endif  // OUNCE_VERIFY_LOSS_KIND_H_
