// The vocabulary that a class makes of its SentencePiece model.
// Source: huggingface/transformers 4, the vocab() of each converter in
// convert_slow_tokenizer.py.
#ifndef OUNCE_TEXT_SENTENCEPIECE_VOCABULARY_H_
#define OUNCE_TEXT_SENTENCEPIECE_VOCABULARY_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/merge_list.h"
#include "text/sentencepiece_family.h"
#include "text/sentencepiece_model.h"
#include "text/tokenizer_settings.h"
#include "text/vocabulary.h"

namespace ounce {

struct SentencePieceVocabulary {
  // By id; views of the model, of the family, of the settings or of `owned`.
  std::vector<SentencePieceModel::Piece> pieces;
  int32_t unk_id = 0;
  // Tokens of the class that are special whatever the files say.
  std::vector<absl::string_view> extra;
  std::deque<std::string> owned;
};

// kInvalidArgument: the model has fewer pieces than the class lays out anew, or
// the settings ask for a number of extra tokens that none has.
absl::StatusOr<SentencePieceVocabulary> LayOutVocabulary(
    const SentencePieceModel& model, const SentencePieceFamily& family,
    const TokenizerSettings& settings);

// The merges of a BPE model: every way to cut one of `pieces` into two of them,
// those of pieces with one score at one rank.  `vocabulary` has the pieces by
// their places.
MergeList MakeMerges(const std::vector<SentencePieceModel::Piece>& pieces,
                     const Vocabulary& vocabulary);

}  // namespace ounce

#endif  // OUNCE_TEXT_SENTENCEPIECE_VOCABULARY_H_
