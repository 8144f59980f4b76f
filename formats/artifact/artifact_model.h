// An artifact as a model: found by its magic bytes, opened and bound.
#ifndef OUNCE_FORMATS_ARTIFACT_ARTIFACT_MODEL_H_
#define OUNCE_FORMATS_ARTIFACT_ARTIFACT_MODEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "formats/model_file.h"

namespace ounce {

// True when `path` is a file that starts with an artifact's magic bytes.
bool IsArtifact(const std::string& path);

// Errors as ArtifactReader::Open; kDataLoss also when the tensors are not
// exactly those that the spec consists of.
absl::StatusOr<ModelFile> OpenArtifactModel(const std::string& path,
                                            const OpenOptions& options);

absl::StatusOr<TokenizerAsset> OpenArtifactTokenizer(const std::string& path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_ARTIFACT_MODEL_H_
