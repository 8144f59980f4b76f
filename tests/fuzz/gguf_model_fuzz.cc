// Any file: an error, or a model whose every tensor can be read.
#include <cstdlib>
#include <vector>

#include "formats/gguf/gguf_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  absl::StatusOr<ounce::GgufShards> shards =
      ounce::GgufShards::Parse({data, size});
  if (!shards.ok()) return 0;
  const absl::StatusOr<ounce::ModelFile> model =
      ounce::BindGguf(*std::move(shards));
  if (!model.ok()) return 0;
  for (const ounce::BoundTensor& tensor : model->bound.tensors) {
    const ounce::PackedMatrix& matrix = tensor.matrix;
    std::vector<float> row(static_cast<size_t>(matrix.cols));
    for (int64_t r = 0; r < matrix.rows; ++r) {
      ounce::ReadRows(tensor, r, r + 1, row.data());
    }
    ounce::CheckFinite(tensor, 0, matrix.rows).IgnoreError();
    // As many bytes as the rows have, all of the file's.
    if (ounce::CopyMatrix(tensor).size() != static_cast<size_t>(matrix.bytes)) {
      std::abort();
    }
    const auto stored = ounce::StoredBytes(tensor, 0, matrix.rows);
    if (stored.data() < data || stored.data() + stored.size() > data + size) {
      std::abort();
    }
  }
  return 0;
}
