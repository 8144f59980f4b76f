#include "formats/model_file.h"

#include "core/status_macros.h"
#include "formats/registry.h"

namespace ounce {

absl::StatusOr<ModelFile> OpenModel(const std::string& path,
                                    const OpenOptions& options) {
  OUNCE_ASSIGN_OR_RETURN(const ModelFormat* const format, FindFormat(path));
  return format->open(path, options);
}

absl::StatusOr<TokenizerAsset> OpenTokenizer(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const ModelFormat* const format, FindFormat(path));
  return format->open_tokenizer(path);
}

double BitsPerWeight(const BoundTensors& bound) {
  double bytes = 0.0;
  double parameters = 0.0;
  for (const BoundTensor& tensor : bound.tensors) {
    bytes += static_cast<double>(tensor.matrix.bytes);
    parameters += static_cast<double>(tensor.matrix.rows) *
                  static_cast<double>(tensor.matrix.cols);
  }
  return parameters > 0.0 ? 8.0 * bytes / parameters : 0.0;
}

}  // namespace ounce
