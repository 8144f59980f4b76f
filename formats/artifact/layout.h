// The bytes of an artifact outside its metadata: the fixed header and where the
// weights lie.  Described in docs/artifact_format.md.
#ifndef OUNCE_FORMATS_ARTIFACT_LAYOUT_H_
#define OUNCE_FORMATS_ARTIFACT_LAYOUT_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/hash.h"
#include "formats/artifact/artifact.h"

namespace ounce {

// The first byte is no ASCII and the last two are a line end, so that a file
// that was transferred as text is not taken for an artifact.
inline constexpr std::array<uint8_t, 8> kArtifactMagic = {
    0x89, 'O', 'U', 'N', 'C', 'E', '\r', '\n'};
inline constexpr int64_t kArtifactHeaderBytes = 64;

// Segments and metadata start at multiples of this: one cache line, and the
// widest vector a kernel loads.
inline constexpr int64_t kSegmentAlignment = 64;
// The weight region starts at a page; when it is large, at a huge page, so that
// the system may map it with those.
inline constexpr int64_t kWeightAlignment = 4096;
inline constexpr int64_t kLargeWeightAlignment = int64_t{2} << 20;
inline constexpr int64_t kLargeWeightBytes = int64_t{64} << 20;

// Far above any real metadata (a tokenizer is some 20 MB) and below what
// FlatBuffers' 32-bit offsets reach.
inline constexpr int64_t kMaxMetadataBytes = int64_t{1} << 30;

struct ArtifactHeader {
  uint32_t version = kArtifactVersion;
  int64_t weights_offset = 0;
  int64_t metadata_offset = 0;
  int64_t metadata_bytes = 0;
  Hash128 metadata_hash;
};

std::array<uint8_t, kArtifactHeaderBytes> EncodeHeader(
    const ArtifactHeader& header);

// The header of `file`, which is the whole file: version, checksum and every
// offset are checked against it, the metadata's hash is not.
// kInvalidArgument: not an artifact; kUnimplemented: a newer version;
// kDataLoss: anything else that cannot be right.
absl::StatusOr<ArtifactHeader> DecodeHeader(absl::Span<const uint8_t> file);

// Bytes of a tensor of `record`'s codec, shape and group size.
// kInvalidArgument: rank other than 1 or 2, an empty dimension, a quantised
// vector, or what PackedBytes() refuses.
absl::StatusOr<int64_t> SegmentBytes(const TensorRecord& record);

// `record`'s shape as a matrix; a vector is one row.
inline int64_t SegmentRows(const TensorRecord& record) {
  return record.shape.size() == 1 ? 1 : record.shape[0];
}
inline int64_t SegmentCols(const TensorRecord& record) {
  return record.shape.back();
}

// Checks that the segments of `records` follow each other without overlap or
// hole from header.weights_offset to header.metadata_offset, and that each has
// the bytes its shape asks for.  kDataLoss otherwise, naming the tensor.
absl::Status CheckSegments(absl::Span<const TensorRecord> records,
                           const ArtifactHeader& header);

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_LAYOUT_H_
