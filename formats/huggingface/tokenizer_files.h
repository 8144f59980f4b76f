// The tokenizer of a checkpoint folder: which of the files that tokenizers come
// in it has.
// Source: huggingface/transformers, the vocab_files_names of its tokenizers.
#ifndef OUNCE_FORMATS_HUGGINGFACE_TOKENIZER_FILES_H_
#define OUNCE_FORMATS_HUGGINGFACE_TOKENIZER_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"

namespace ounce {

// The files of the tokenizer, unparsed.  Of several tokenizers the folder may
// have, tokenizer.json wins, then a SentencePiece model, then vocab.json with
// merges.txt, then vocab.txt.  Kind kNone: it has none of them; a file that is
// a tokenizer's all the same is named in `unusable`.
// kInvalidArgument: a file is larger than any tokenizer's; other errors as
// ReadSmallFile.
absl::StatusOr<TokenizerAsset> OpenCheckpointTokenizer(const std::string& path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_HUGGINGFACE_TOKENIZER_FILES_H_
