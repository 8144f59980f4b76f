// Byte-level BPE tokenizers that come as `vocab.json` and `merges.txt`: GPT-2
// and those made after it.
// Source: huggingface/transformers, convert_slow_tokenizer.py.
#ifndef OUNCE_TEXT_BPE_FILES_H_
#define OUNCE_TEXT_BPE_FILES_H_

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_settings.h"

namespace ounce {

// The tokenizer of `settings`'s class; without one it is GPT-2's.  The result
// has views of the asset's bytes.
// kInvalidArgument: a file is missing or malformed; the message names the
// place. kUnimplemented: a class we do not have, with the list of those we
// have.
absl::StatusOr<TokenizerFile> ReadBpeFiles(const TokenizerAsset& asset,
                                           const TokenizerSettings& settings);

}  // namespace ounce

#endif  // OUNCE_TEXT_BPE_FILES_H_
