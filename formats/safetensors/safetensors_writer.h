// Writes a safetensors file (see safetensors_reader.h), atomically.
#ifndef OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
#define OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/atomic_file.h"
#include "core/json.h"
#include "core/tensor.h"

namespace ounce {

struct OutputTensor {
  std::string name;
  std::string dtype;  // "F32", "I64" ...
  Shape shape;
  absl::Span<const uint8_t> bytes;  // Little endian, row-major.
};

// kInvalidArgument: sizes that do not match shapes, or a name given twice.
absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const OutputTensor> tensors);

// The same for tensors that come one by one, too many for memory.  The header,
// which comes first in the file, is written last, padded with spaces.
class SafetensorsStream {
 public:
  // `header_room`: bytes the header may take, a multiple of 8.
  // Errors as AtomicFile::Create().
  static absl::StatusOr<std::unique_ptr<SafetensorsStream>> Create(
      const std::string& path, int64_t header_room);

  // Errors as WriteSafetensors().
  absl::Status Append(const OutputTensor& tensor);
  // Call once, last.  `metadata`: strings.
  // kInternal: the header needs more than its room.
  absl::Status Finish(Json::Object metadata);

 private:
  SafetensorsStream(std::unique_ptr<AtomicFile> file, int64_t header_room)
      : file_(std::move(file)), header_room_(header_room) {}

  const std::unique_ptr<AtomicFile> file_;
  const int64_t header_room_;
  Json::Object entries_;
  int64_t offset_ = 0;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
