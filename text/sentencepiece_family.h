// How each of the reference's classes uses its SentencePiece model: which
// tokens stand before and behind its pieces, and how a text is prepared.
// Source: huggingface/transformers 4, convert_slow_tokenizer.py, and the fast
// tokenizer of each class.
#ifndef OUNCE_TEXT_SENTENCEPIECE_FAMILY_H_
#define OUNCE_TEXT_SENTENCEPIECE_FAMILY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_settings.h"

namespace ounce {

// The order of the vocabulary.
enum class SentencePieceLayout {
  kAsIs,
  kLlama,      // The first pieces may have other names.
  kGemma,      // pad, eos, bos, and a tabulator that is a byte in the model.
  kFairseq,    // <s> <pad> </s> <unk>, the pieces from the fourth on, others.
  kCamembert,  // As that, with placeholders for the model's own pieces.
  kT5,         // The pieces, then <extra_id_99> to <extra_id_0>.
  kPegasus,    // pad, eos, two masks, <unk_2> to <unk_102>, the others.
  kMarian,     // That of `vocab.json`.
};

// What happens to a text before the model sees it.
enum class SentencePieceText {
  kModel,     // What the model's normalizer_spec says.
  kLlama,     // Spaces become U+2581, one more goes before the text.
  kGemma,     // Spaces become U+2581.
  kStandard,  // The character map, runs of spaces and words as most have them.
  kAlbert,    // As that, behind quotation marks, accents and case.
  kRemBert,   // As that, in another order.
  kDeberta,   // As the standard, behind case and white space at both ends.
  kPegasus,   // As the standard, words at any white space.
};

struct SentencePieceFamily {
  absl::string_view tokenizer_class;
  SentencePieceLayout layout = SentencePieceLayout::kAsIs;
  SentencePieceText text = SentencePieceText::kStandard;
  // Of TemplateOf(); empty: what "add_bos_token" and "add_eos_token" ask for.
  absl::string_view single;
  absl::string_view pair;
  RoleDefaults defaults;
  // More tokens of the class: behind the pieces where the layout has such, and
  // special in any case.
  absl::Span<const absl::string_view> extra = {};
  // Defaults of "do_lower_case" and "keep_accents".
  bool lowercases = false;
  bool keeps_accents = false;
};

// That of class `name`.  kUnimplemented: we do not have it; with a list.
absl::StatusOr<SentencePieceFamily> FindSentencePieceFamily(
    absl::string_view name);

// The class that ships models like this one under the name `file_name`; empty:
// none in particular, and the model is used as its library would.
absl::string_view GuessSentencePieceClass(const SentencePieceModel& model,
                                          absl::string_view file_name);

// The family of no class.
SentencePieceFamily PlainSentencePieceFamily();

}  // namespace ounce

#endif  // OUNCE_TEXT_SENTENCEPIECE_FAMILY_H_
