// Tokenizers that come as a SentencePiece model: Llama, Gemma, T5, XLM-R,
// ALBERT and others; Marian's with a `vocab.json`. Source:
// huggingface/transformers, convert_slow_tokenizer.py; where pieces of one
// score could merge, the leftmost do, as google/sentencepiece has it.
#ifndef OUNCE_TEXT_SENTENCEPIECE_FILES_H_
#define OUNCE_TEXT_SENTENCEPIECE_FILES_H_

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_settings.h"

namespace ounce {

// The tokenizer of `settings`'s class; without one the class that ships such
// models, or else the model as its library uses it.  The result has views of
// the asset's bytes.
// kInvalidArgument: the model is missing or malformed; the message names the
// place.
// kUnimplemented: a class or a kind of model we do not have.
absl::StatusOr<TokenizerFile> ReadSentencePieceFiles(
    const TokenizerAsset& asset, const TokenizerSettings& settings);

}  // namespace ounce

#endif  // OUNCE_TEXT_SENTENCEPIECE_FILES_H_
