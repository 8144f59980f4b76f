// The tensors of one or several mapped safetensors files, by name.
#ifndef OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_SOURCE_H_
#define OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_SOURCE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/mapped_file.h"
#include "model/tensor_source.h"

namespace ounce {

class SafetensorsSource : public TensorSource {
 public:
  // Maps the file at `path` and adds its tensors.  Errors as OpenSafetensors();
  // kDataLoss: a tensor of that name is in an earlier file.
  absl::Status AddFile(const std::string& path);

  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override;
  void Release(absl::Span<const uint8_t> part) const override;
  // The path given to AddFile() for the file that holds `tensors()[index]`.
  const std::string& PathOf(size_t index) const {
    return files_[file_of_[index]]->path();
  }
  // The index of the tensor in tensors(), which must be one of them.
  size_t IndexOf(const StoredTensor& tensor) const {
    return static_cast<size_t>(&tensor - tensors_.data());
  }

 private:
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<StoredTensor> tensors_;
  std::vector<size_t> file_of_;  // Parallel to tensors_.
  absl::flat_hash_map<std::string, size_t> index_;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_SOURCE_H_
