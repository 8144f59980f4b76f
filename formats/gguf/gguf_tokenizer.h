// The tokenizer in a GGUF file as the files that it would have in a Hugging
// Face folder, so that text/ never hears of GGUF: ids are those that llama.cpp
// gives. Source: ggml, docs/gguf.md, "Tokenizer"; llama.cpp,
// src/llama-vocab.cpp.
#ifndef OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_H_
#define OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_H_

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "formats/gguf/gguf_file.h"

namespace ounce {

// By "tokenizer.ggml.model":
//   gpt2, gemma4  byte-pair encoding    `tokenizer.json`
//   bert          WordPiece             `tokenizer.json`
//   t5            a unigram model       `tokenizer.json`
//   llama         SentencePiece's BPE   `tokenizer.model`
// and beside it `tokenizer_config.json`, with the chat templates.  A
// `tokenizer.json` that the file itself carries ("tokenizer.huggingface.json")
// is taken as it is.
// kNone without a tokenizer, and, with `unusable` saying so, when its model or
// its pre-tokenizer is one that we do not know.
// kInvalidArgument: a value that breaks a rule, with its key.
absl::StatusOr<TokenizerAsset> GgufTokenizer(const GgufFile& file);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_TOKENIZER_H_
