// Opens any model file: what every command that takes MODEL calls.
#ifndef OUNCE_FORMATS_MODEL_FILE_H_
#define OUNCE_FORMATS_MODEL_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer_asset.h"
#include "formats/artifact/artifact_reader.h"
#include "model/bind.h"
#include "model/spec.h"
#include "model/tensor_source.h"

namespace ounce {

// A model, opened and bound; weights stay in the mapped file.
struct ModelFile {
  std::string path;
  // "safetensors", "pytorch", "gguf" or "oz".
  std::string format;
  ModelSpec spec;
  BoundTensors bound;  // Points into `source`.
  TokenizerAsset tokenizer;
  // The files that make up a checkpoint, sorted, and the folder that their
  // names are relative to; empty for an artifact.
  std::vector<std::string> files;
  std::string folder;
  std::shared_ptr<const TensorSource> source;
  // The same object as `source` when this is an artifact, else null.
  std::shared_ptr<const ArtifactReader> artifact;
};

struct OpenOptions {
  // Refuse a checkpoint with tensors that its architecture does not know.
  bool strict = false;
};

// `path` is a Hugging Face folder, a GGUF file or an artifact.  Errors name the
// file and what to do; kUnimplemented lists the formats we have.
absl::StatusOr<ModelFile> OpenModel(const std::string& path,
                                    const OpenOptions& options = {});

// The tokenizer of `path` alone: needs neither config nor weights.
absl::StatusOr<TokenizerAsset> OpenTokenizer(const std::string& path);

// Bits per weight: 8 * bytes of all weights / parameters, tied ones once.
double BitsPerWeight(const BoundTensors& bound);

}  // namespace ounce

#endif  // OUNCE_FORMATS_MODEL_FILE_H_
