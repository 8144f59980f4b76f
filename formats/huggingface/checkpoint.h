// A checkpoint as published on Hugging Face: a folder with config.json, weights
// in safetensors or PyTorch's own format, and usually a tokenizer.
// Source: the folder layout of huggingface/transformers,
// PreTrainedModel.save_pretrained().
#ifndef OUNCE_FORMATS_HUGGINGFACE_CHECKPOINT_H_
#define OUNCE_FORMATS_HUGGINGFACE_CHECKPOINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "formats/model_file.h"

namespace ounce {

// True when `path` is a folder.
bool IsCheckpointFolder(const std::string& path);

// kNotFound: no config.json or no weights; kInvalidArgument: with
// `options.strict`, tensors that the architecture does not know; other errors
// as ParseModelConfig, OpenWeightFiles and BindTensors, each with the
// file's path.
absl::StatusOr<ModelFile> OpenCheckpoint(const std::string& path,
                                         const OpenOptions& options);

}  // namespace ounce

#endif  // OUNCE_FORMATS_HUGGINGFACE_CHECKPOINT_H_
