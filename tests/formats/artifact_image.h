// An artifact in memory that tests take apart, damage and seal again: with
// right hashes, so that what lies behind them is reached.
#ifndef OUNCE_TESTS_FORMATS_ARTIFACT_IMAGE_H_
#define OUNCE_TESTS_FORMATS_ARTIFACT_IMAGE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/hash.h"
#include "formats/artifact/artifact_reader.h"
#include "formats/artifact/layout.h"

namespace ounce {

// Bytes at an address that is a multiple of 64, as a mapped file has.
class AlignedBytes {
 public:
  explicit AlignedBytes(absl::Span<const uint8_t> bytes)
      : size_(bytes.size()),
        data_(static_cast<uint8_t*>(
            ::operator new (size_ + 1, std::align_val_t{64}))) {
    std::copy(bytes.begin(), bytes.end(), data_);
  }
  ~AlignedBytes() { ::operator delete (data_, std::align_val_t{64}); }
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  const size_t size_;
  uint8_t* const data_;
};

class ArtifactImage {
 public:
  explicit ArtifactImage(absl::Span<const uint8_t> file)
      : bytes_(file.begin(), file.end()) {}
  explicit ArtifactImage(const std::string& file)
      : bytes_(file.begin(), file.end()) {}

  std::vector<uint8_t>& bytes() { return bytes_; }

  // The header's own claims, unchecked.  The image has at least 64 bytes.
  uint64_t Field(size_t at) const {
    uint64_t value;
    std::memcpy(&value, &bytes_[at], sizeof(value));
    return value;
  }
  void SetField(size_t at, uint64_t value) {
    std::memcpy(&bytes_[at], &value, sizeof(value));
  }
  uint64_t metadata_offset() const { return Field(24); }

  // Replaces the metadata, with size and hash to match.
  void SetMetadata(absl::Span<const uint8_t> metadata) {
    bytes_.resize(metadata_offset());
    bytes_.insert(bytes_.end(), metadata.begin(), metadata.end());
    SetField(32, metadata.size());
    Seal();
  }

  // Makes the metadata's hash and the header's checksum right again.  Does
  // nothing where there is no header or no such region.
  void Seal() {
    if (bytes_.size() < kArtifactHeaderBytes) return;
    const absl::Span<const uint8_t> all = bytes_;
    if (metadata_offset() <= bytes_.size()) {
      const Hash128 hash = Xxh3(all.subspan(metadata_offset()));
      SetField(40, hash.low);
      SetField(48, hash.high);
    }
    SetField(56, Xxh3(all.subspan(0, 56)).low);
  }

 private:
  std::vector<uint8_t> bytes_;
};

// Reads every byte of every tensor, so that a sanitizer sees one that is not
// there.  The result only keeps the reads alive.
inline uint64_t TouchAllBytes(const ArtifactReader& reader) {
  uint64_t sum = 0;
  for (const StoredTensor& tensor : reader.tensors()) {
    for (const uint8_t byte : tensor.bytes) sum += byte;
  }
  return sum;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_ARTIFACT_IMAGE_H_
