// A TinyModel as a ModelFile, without any file.
#ifndef OUNCE_TESTS_UTIL_TINY_MODEL_FILE_H_
#define OUNCE_TESTS_UTIL_TINY_MODEL_FILE_H_

#include <memory>
#include <vector>

#include "core/packing/codec.h"
#include "formats/model_file.h"
#include "tests/util/tiny_model.h"

namespace ounce {

// Points into `model`.
inline ModelFile FileOf(TinyModel* model) {
  ModelFile file;
  file.format = "safetensors";
  file.spec = model->spec();
  file.bound = model->bound();
  file.source = std::shared_ptr<const TensorSource>(std::shared_ptr<void>(),
                                                    &model->source());
  return file;
}

// All values of a stored matrix.
inline std::vector<float> Unpacked(const PackedMatrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows * matrix.cols));
  GetCodecInfo(matrix.codec).unpack_rows(matrix, 0, matrix.rows, values.data());
  return values;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_TINY_MODEL_FILE_H_
