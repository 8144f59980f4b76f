#include "verify/loss_kind.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

absl::Status CheckSame(absl::string_view what, int64_t float_size,
                       int64_t size) {
  if (float_size == size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the float model has ", what, " ", float_size,
                   " and the compressed one ", size, "; expected the same"));
}

}  // namespace

LossKind LossKindOf(const ModelSpec& spec) {
  if (spec.has_encoder()) return LossKind::kSequenceToSequence;
  if (spec.causal) return LossKind::kDecoder;
  switch (spec.head) {
    case HeadKind::kLanguageModel:
      return LossKind::kMaskedLanguageModel;
    case HeadKind::kSequenceLabels:
      return LossKind::kSequenceLabels;
    case HeadKind::kTokenLabels:
      return LossKind::kTokenLabels;
    case HeadKind::kNone:
      break;
  }
  return LossKind::kEmbedding;
}

absl::string_view LossKindName(LossKind kind) {
  switch (kind) {
    case LossKind::kDecoder:
      return "decoder";
    case LossKind::kSequenceToSequence:
      return "sequence_to_sequence";
    case LossKind::kMaskedLanguageModel:
      return "masked_language_model";
    case LossKind::kSequenceLabels:
      return "sequence_labels";
    case LossKind::kTokenLabels:
      return "token_labels";
    case LossKind::kEmbedding:
      break;
  }
  return "embedding";
}

absl::Status CheckComparable(const ModelPair& models) {
  const ModelSpec& a = models.float_model.spec;
  const ModelSpec& b = models.model.spec;
  if (LossKindOf(a) != LossKindOf(b)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the float model is of kind ", LossKindName(LossKindOf(a)),
        " and the compressed one of kind ", LossKindName(LossKindOf(b)),
        "; expected two versions of one model"));
  }
  OUNCE_RETURN_IF_ERROR(CheckSame("a vocabulary of size", a.vocab, b.vocab));
  OUNCE_RETURN_IF_ERROR(CheckSame("width", a.width, b.width));
  return CheckSame("a number of labels of",
                   static_cast<int64_t>(a.labels.size()),
                   static_cast<int64_t>(b.labels.size()));
}

}  // namespace ounce
