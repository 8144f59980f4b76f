// The weights of a checkpoint folder: which of the files that weights come in
// it has, one file or shards under an index.
// Source: huggingface/transformers, PreTrainedModel.from_pretrained().
#ifndef OUNCE_FORMATS_HUGGINGFACE_WEIGHT_FILES_H_
#define OUNCE_FORMATS_HUGGINGFACE_WEIGHT_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tensor_source.h"

namespace ounce {

struct WeightFiles {
  std::string format;  // "safetensors" or "pytorch".
  std::unique_ptr<TensorSource> source;
  // The files read, relative to the folder.
  std::vector<std::string> files;
};

// Of several the folder may have, `model.safetensors` wins, then the shards
// that `model.safetensors.index.json` names, then `pytorch_model.bin`, then the
// shards of `pytorch_model.bin.index.json`.  No other file is touched.
// kNotFound: it has none of them, or the index names a shard that does not
// exist.  kInvalidArgument: a shard's path leaves the folder.  kDataLoss: a
// tensor is not in the shard the index names, or twice.  Other errors as
// ParseSafetensors and ParsePytorch, with the path.
absl::StatusOr<WeightFiles> OpenWeightFiles(const std::string& folder);

// True for the name of a weight file, which is no model by itself.
bool IsWeightFileName(absl::string_view path);

}  // namespace ounce

#endif  // OUNCE_FORMATS_HUGGINGFACE_WEIGHT_FILES_H_
