// The element types a safetensors file may hold.
#ifndef OUNCE_FORMATS_SAFETENSORS_DTYPE_H_
#define OUNCE_FORMATS_SAFETENSORS_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"

namespace ounce {

struct SafetensorsDtype {
  absl::string_view name;      // As the header spells it.
  int bits;                    // Per element.
  std::optional<Codec> codec;  // nullopt: cannot be a weight.
};

// nullptr when there is no such type.
const SafetensorsDtype* FindSafetensorsDtype(absl::string_view name);

// "BOOL, U8, ..."
std::string SafetensorsDtypeList();

// Bytes of a tensor.  kInvalidArgument: a negative dimension, a product that
// overflows, or a number of bits that fills no whole bytes.
absl::StatusOr<int64_t> SafetensorsBytes(const SafetensorsDtype& dtype,
                                         absl::Span<const int64_t> shape);

}  // namespace ounce

#endif  // OUNCE_FORMATS_SAFETENSORS_DTYPE_H_
