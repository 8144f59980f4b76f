// Builds GGUF files byte by byte for tests, right ones and wrong ones: nothing
// here checks anything.
#ifndef OUNCE_TESTS_FORMATS_GGUF_GGUF_IMAGE_H_
#define OUNCE_TESTS_FORMATS_GGUF_GGUF_IMAGE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "formats/gguf/gguf_file.h"

namespace ounce {

// The bytes of `number`, little endian.
template <typename T>
std::string GgufBytes(T number) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &number, sizeof(T));
  return bytes;
}

inline std::string GgufText(absl::string_view text) {
  return GgufBytes<uint64_t>(text.size()) + std::string(text);
}

// Values with their types in front.
inline std::string GgufUint32(uint32_t value) {
  return GgufBytes<uint32_t>(4) + GgufBytes(value);
}
inline std::string GgufFloat32(float value) {
  return GgufBytes<uint32_t>(6) + GgufBytes(value);
}
inline std::string GgufBool(bool value) {
  return GgufBytes<uint32_t>(7) + std::string(1, value ? '\1' : '\0');
}
inline std::string GgufString(absl::string_view value) {
  return GgufBytes<uint32_t>(8) + GgufText(value);
}
// An array of `count` elements of type `type` with these bytes.
inline std::string GgufArray(uint32_t type, uint64_t count,
                             absl::string_view bytes) {
  return GgufBytes<uint32_t>(9) + GgufBytes(type) + GgufBytes(count) +
         std::string(bytes);
}
inline std::string GgufStrings(const std::vector<std::string>& strings) {
  std::string bytes;
  for (const std::string& text : strings) bytes += GgufText(text);
  return GgufArray(8, strings.size(), bytes);
}
template <typename T>
std::string GgufNumbers(uint32_t type, const std::vector<T>& numbers) {
  std::string bytes;
  for (const T number : numbers) bytes += GgufBytes(number);
  return GgufArray(type, numbers.size(), bytes);
}
inline std::string GgufInt32s(const std::vector<int32_t>& numbers) {
  return GgufNumbers(5, numbers);
}
inline std::string GgufFloat32s(const std::vector<float>& numbers) {
  return GgufNumbers(6, numbers);
}

struct GgufImage {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::string values;   // Keys with their values, one after the other.
  std::string tensors;  // Entries, one after the other.
  uint64_t num_values = 0;
  uint64_t num_tensors = 0;
  size_t alignment = 32;  // Of `data`.
  std::string data;

  // `value` with its type in front.
  GgufImage& Value(absl::string_view key, const std::string& value) {
    values += GgufText(key) + value;
    ++num_values;
    return *this;
  }
  // `ne`: innermost first, as in the file.
  GgufImage& Tensor(absl::string_view name, const std::vector<uint64_t>& ne,
                    uint32_t type, uint64_t offset) {
    tensors += GgufText(name) + GgufBytes(static_cast<uint32_t>(ne.size()));
    for (const uint64_t size : ne) tensors += GgufBytes(size);
    tensors += GgufBytes(type) + GgufBytes(offset);
    ++num_tensors;
    return *this;
  }

  std::string Header() const {
    return magic + GgufBytes(version) + GgufBytes(num_tensors) +
           GgufBytes(num_values);
  }
  std::string Build() const {
    std::string file = Header() + values + tensors;
    if (data.empty()) return file;
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data;
  }
};

// The views point into `file`.
inline absl::StatusOr<GgufFile> ParseGguf(absl::string_view file) {
  return GgufFile::Parse(absl::MakeConstSpan(
      reinterpret_cast<const uint8_t*>(file.data()), file.size()));
}

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_GGUF_GGUF_IMAGE_H_
