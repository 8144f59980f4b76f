// Writes a safetensors file (see safetensors_reader.h), atomically.
#ifndef OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
#define OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
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

}  // namespace ounce

#endif  // OUNCE_FORMATS_SAFETENSORS_SAFETENSORS_WRITER_H_
