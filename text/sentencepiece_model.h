// A SentencePiece model file (`tokenizer.model`, `spiece.model` ...): the
// pieces with their scores, and how the text was prepared for training. Source:
// google/sentencepiece, src/sentencepiece_model.proto, in the wire format of
// Protocol Buffers.  We read the file ourselves because the library neither
// bounds what it allocates nor survives every hostile file.
#ifndef OUNCE_TEXT_SENTENCEPIECE_MODEL_H_
#define OUNCE_TEXT_SENTENCEPIECE_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace ounce {

enum class PieceType {
  kNormal = 1,
  kUnknown = 2,      // Stands for what no piece covers.
  kControl = 3,      // <s>, </s>: never in a text.
  kUserDefined = 4,  // Always one piece where the text has it.
  kUnused = 5,
  kByte = 6,  // <0x00> .. <0xFF>
};

enum class SentencePieceKind { kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4 };

// Views are into the file's bytes.
struct SentencePieceModel {
  struct Piece {
    absl::string_view text;  // Valid UTF-8, not empty.
    float score = 0;         // Finite.
    PieceType type = PieceType::kNormal;
  };

  std::vector<Piece> pieces;  // By id.
  int32_t unk_id = 0;         // Of the only piece of type kUnknown.

  // trainer_spec.  An id of -1: the model has no such piece.
  SentencePieceKind kind = SentencePieceKind::kUnigram;
  int32_t bos_id = 1;
  int32_t eos_id = 2;
  int32_t pad_id = -1;
  bool byte_fallback = false;
  bool whitespace_is_suffix = false;

  // normalizer_spec.
  absl::string_view charsmap;  // Empty: no rule but the following.
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// REQUIRES: `bytes` outlive the result.
// kInvalidArgument: no such file, cut off, or a value that no model has; the
// message names the byte or the piece.
absl::StatusOr<SentencePieceModel> ReadSentencePieceModel(
    absl::string_view bytes);

}  // namespace ounce

#endif  // OUNCE_TEXT_SENTENCEPIECE_MODEL_H_
