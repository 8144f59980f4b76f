// WordPiece tokenizers that come as `vocab.txt`: BERT and its relatives.
// Source: huggingface/transformers, convert_slow_tokenizer.py and load_vocab()
// of models/bert/tokenization_bert.py.
#ifndef OUNCE_TEXT_WORD_PIECE_FILES_H_
#define OUNCE_TEXT_WORD_PIECE_FILES_H_

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_settings.h"

namespace ounce {

// The tokenizer of `settings`'s class; without one it is BERT's, which turns
// text to lower case.
// kInvalidArgument: `vocab.txt` is missing or no UTF-8.
// kUnimplemented: a class we do not have, with the list of those we have.
absl::StatusOr<TokenizerFile> ReadWordPieceFiles(
    const TokenizerAsset& asset, const TokenizerSettings& settings);

}  // namespace ounce

#endif  // OUNCE_TEXT_WORD_PIECE_FILES_H_
