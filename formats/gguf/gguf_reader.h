// A GGUF file as a model: found by its magic bytes, mapped, and presented as a
// Hugging Face checkpoint would be.  Blocks of weights stay as they are stored.
// Source: ggml, docs/gguf.md.
#ifndef OUNCE_FORMATS_GGUF_GGUF_READER_H_
#define OUNCE_FORMATS_GGUF_GGUF_READER_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "formats/gguf/gguf_shards.h"
#include "formats/model_file.h"

namespace ounce {

// True when `path` is a file that starts with GGUF's magic bytes.
bool IsGguf(const std::string& path);

// Errors as GgufShards::Open, ReadGgufConfig, ParseModelConfig, ToStoredTensors
// and BindTensors, each with the path; kInvalidArgument: two tensors that are
// one on Hugging Face; with `options.strict`, also tensors that the
// architecture does not know.
absl::StatusOr<ModelFile> OpenGgufModel(const std::string& path,
                                        const OpenOptions& options);

// The model that `shards` hold, all but its path and its tokenizer.  Errors as
// above, without the path.
absl::StatusOr<ModelFile> BindGguf(GgufShards shards,
                                   const OpenOptions& options = {});

// Needs no tensors and no architecture that we know.
absl::StatusOr<TokenizerAsset> OpenGgufTokenizer(const std::string& path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_READER_H_
