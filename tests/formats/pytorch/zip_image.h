// Zip archives written here byte by byte, as torch.save() lays them out, with
// the places of their records so that a test can make one lie.
#ifndef OUNCE_TESTS_FORMATS_PYTORCH_ZIP_IMAGE_H_
#define OUNCE_TESTS_FORMATS_PYTORCH_ZIP_IMAGE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

// CRC-32 bit by bit (ISO 3309), as the plainest reference.
inline uint32_t PlainCrc32(absl::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
    }
  }
  return ~crc;
}

// Little endian, in so many bytes.
inline std::string Le(uint64_t value, size_t bytes) {
  std::string out(bytes, '\0');
  std::memcpy(out.data(), &value, std::min(bytes, sizeof(value)));
  return out;
}

inline absl::Span<const uint8_t> AsBytes(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

struct ZipImage {
  std::string bytes;
  // Offsets of each entry's records, and of those at the end.
  std::vector<size_t> locals, data, descriptors, centrals;
  size_t end64 = 0, locator = 0, end = 0;

  void Set(size_t offset, uint64_t value, size_t size) {
    bytes.replace(offset, size, Le(value, size));
  }
};

using ZipContents = std::vector<std::pair<std::string, std::string>>;

// With data descriptors and a zip64 record, sizes in local headers left 0, and
// an extra field that aligns the data to 64 bytes: what torch.save() writes.
inline ZipImage MakeZip(const ZipContents& contents) {
  ZipImage zip;
  std::string directory;
  for (const auto& [name, bytes] : contents) {
    const std::string crc = Le(PlainCrc32(bytes), 4);
    const std::string size = Le(bytes.size(), 4);
    zip.locals.push_back(zip.bytes.size());
    const size_t start = zip.bytes.size() + 30 + name.size() + 4;
    const size_t padding = (64 - start % 64) % 64;
    const std::string common = Le(0, 2) + Le(0x0808, 2) + Le(0, 2) + Le(0, 4);
    zip.bytes += "PK\x03\x04" + common + Le(0, 12) + Le(name.size(), 2) +
                 Le(4 + padding, 2) + name + "FB" + Le(padding, 2) +
                 std::string(padding, 'Z');
    zip.data.push_back(zip.bytes.size());
    zip.bytes += bytes;
    zip.descriptors.push_back(zip.bytes.size());
    zip.bytes += "PK\x07\x08" + crc + size + size;
    zip.centrals.push_back(directory.size());
    directory += "PK\x01\x02" + Le(0, 2) + common + crc + size + size +
                 Le(name.size(), 2) + Le(0, 12) + Le(zip.locals.back(), 4) +
                 name;
  }
  const size_t offset = zip.bytes.size();
  for (size_t& central : zip.centrals) central += offset;
  const uint64_t count = contents.size();
  zip.bytes += directory;
  zip.end64 = zip.bytes.size();
  zip.bytes += "PK\x06\x06" + Le(44, 8) + Le(0, 2) + Le(45, 2) + Le(0, 8) +
               Le(count, 8) + Le(count, 8) + Le(directory.size(), 8) +
               Le(offset, 8);
  zip.locator = zip.bytes.size();
  zip.bytes += "PK\x06\x07" + Le(0, 4) + Le(zip.end64, 8) + Le(1, 4);
  zip.end = zip.bytes.size();
  zip.bytes += "PK\x05\x06" + Le(0, 4) + Le(count, 2) + Le(count, 2) +
               Le(directory.size(), 4) + Le(offset, 4) + Le(0, 2);
  return zip;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_PYTORCH_ZIP_IMAGE_H_
