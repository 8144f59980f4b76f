// A GGUF vocabulary of the kind "llama" as the SentencePiece model it was made
// from, so that text/ merges by score as that library does.
// Source: google/sentencepiece, src/sentencepiece_model.proto, in the wire
// format of Protocol Buffers.
#ifndef OUNCE_FORMATS_GGUF_GGUF_SENTENCEPIECE_H_
#define OUNCE_FORMATS_GGUF_GGUF_SENTENCEPIECE_H_

#include <string>

#include "absl/status/statusor.h"
#include "formats/gguf/gguf_vocabulary.h"

namespace ounce {

// The bytes of a `tokenizer.model`: byte-pair encoding with a fallback to
// bytes.  The token in the role unk becomes its only unknown piece.
// kInvalidArgument: no token has that role.
absl::StatusOr<std::string> WriteGgufSentencePiece(
    const GgufVocabulary& vocabulary);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_SENTENCEPIECE_H_
