// GGUF vocabularies as the `tokenizer.json` that the model had before it became
// one, or would have had.
// Source: ggml, docs/gguf.md, "Tokenizer"; what is done to a text is what
// llama.cpp does (src/llama-vocab.cpp); the form is that of
// huggingface/tokenizers.
#ifndef OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_JSON_H_
#define OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_JSON_H_

#include "absl/status/statusor.h"
#include "core/json.h"
#include "formats/gguf/gguf_file.h"
#include "formats/gguf/gguf_pre_tokenizer.h"
#include "formats/gguf/gguf_vocabulary.h"

namespace ounce {

// Byte-pair encoding with a list of merges ("gpt2", "gemma4").
// kInvalidArgument: the merges are missing, or one is no pair of texts.
absl::StatusOr<Json> GgufBytePairJson(const GgufFile& file,
                                      const GgufVocabulary& vocabulary,
                                      const GgufPreTokenizer& pre_tokenizer);

// WordPiece ("bert").  GGUF marks the tokens that start a word with U+2581, the
// file those that do not with "##".
// kInvalidArgument: no unknown token, or two tokens that become one.
absl::StatusOr<Json> GgufWordPieceJson(const GgufFile& file,
                                       const GgufVocabulary& vocabulary);

// A unigram model ("t5").  kInvalidArgument: no unknown token.
absl::StatusOr<Json> GgufUnigramJson(const GgufFile& file,
                                     const GgufVocabulary& vocabulary);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_JSON_H_
