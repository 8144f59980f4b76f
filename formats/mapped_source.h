// The tensors of one or several mapped weight files, by name: the one
// TensorSource of every foreign format.  A format is a function that finds the
// tensors in a file's bytes.
#ifndef OUNCE_FORMATS_MAPPED_SOURCE_H_
#define OUNCE_FORMATS_MAPPED_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/mapped_file.h"
#include "model/tensor_source.h"

namespace ounce {

struct WeightFile {
  // Their bytes point into the file, or into `gathered`.
  std::vector<StoredTensor> tensors;
  // Tensors whose elements do not lie in the file one after the other.
  std::vector<std::vector<uint8_t>> gathered;
};

// Finds the tensors of a whole file in memory.  Errors do not name the file.
using WeightFileParser =
    absl::StatusOr<WeightFile> (*)(absl::Span<const uint8_t> file);

class MappedSource : public TensorSource {
 public:
  // Maps the file at `path` and adds its tensors.  Errors as MappedFile::Open()
  // and `parse`, with the path; kDataLoss: a tensor of that name is in an
  // earlier file.
  absl::Status AddFile(const std::string& path, WeightFileParser parse);

  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override;
  // Bytes that were gathered stay in memory.
  void Release(absl::Span<const uint8_t> part) const override;
  // The path given to AddFile() for the file that holds `tensor`, which must be
  // one of tensors().
  const std::string& PathOf(const StoredTensor& tensor) const;

 private:
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<std::vector<uint8_t>> gathered_;
  std::vector<StoredTensor> tensors_;
  std::vector<size_t> file_of_;  // Parallel to tensors_.
  absl::flat_hash_map<std::string, size_t> index_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_MAPPED_SOURCE_H_
