// Numbers and parts of a zip archive's records, for the files that read it.
#ifndef OUNCE_FORMATS_PYTORCH_ZIP_FIELDS_H_
#define OUNCE_FORMATS_PYTORCH_ZIP_FIELDS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/checked.h"

namespace ounce {

static_assert(std::endian::native == std::endian::little,
              "fields are loaded as they lie in the file, little endian");

// A 32-bit field of this value stands for one in the zip64 extra field.
inline constexpr uint64_t kZipSaturated = 0xFFFFFFFF;

// REQUIRES: the bytes of a T at `offset` are there.
template <typename T>
T LoadField(absl::Span<const uint8_t> bytes, int64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

inline absl::Span<const uint8_t> Part(absl::Span<const uint8_t> bytes,
                                      int64_t offset, int64_t size) {
  return bytes.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
}

inline absl::string_view Text(absl::Span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline int64_t SizeOf(absl::Span<const uint8_t> bytes) {
  return static_cast<int64_t>(bytes.size());
}

inline bool HasSignature(absl::Span<const uint8_t> file, int64_t offset,
                         uint32_t signature) {
  return RangeFits(offset, 4, SizeOf(file)) &&
         LoadField<uint32_t>(file, offset) == signature;
}

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_ZIP_FIELDS_H_
