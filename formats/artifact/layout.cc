#include "formats/artifact/layout.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "core/tensor.h"

namespace ounce {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the header is copied in and out as little endian");

// Offsets of the header's fields.
constexpr size_t kVersionAt = 8;
constexpr size_t kHeaderBytesAt = 12;
constexpr size_t kWeightsOffsetAt = 16;
constexpr size_t kMetadataOffsetAt = 24;
constexpr size_t kMetadataBytesAt = 32;
constexpr size_t kHashLowAt = 40;
constexpr size_t kHashHighAt = 48;
constexpr size_t kChecksumAt = 56;  // Of the bytes before it.

template <typename T>
T Load(const uint8_t* bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes + at, sizeof(T));
  return value;
}

template <typename T>
void Store(uint8_t* bytes, size_t at, T value) {
  std::memcpy(bytes + at, &value, sizeof(T));
}

uint64_t Checksum(const uint8_t* header) {
  return Xxh3(absl::MakeConstSpan(header, kChecksumAt)).low;
}

absl::Status CheckVersionAndChecksum(const uint8_t* header) {
  // The version comes first: a newer one may place everything else anew.
  const uint32_t version = Load<uint32_t>(header, kVersionAt);
  if (version > kArtifactVersion) {
    return absl::UnimplementedError(
        absl::StrCat("format version ", version, " is newer than ",
                     kArtifactVersion, "; update ounce"));
  }
  if (version == 0) {
    return absl::UnimplementedError(
        "format version 0 came before the format was settled; compress the "
        "checkpoint again");
  }
  const uint32_t header_bytes = Load<uint32_t>(header, kHeaderBytesAt);
  if (header_bytes != kArtifactHeaderBytes) {
    return absl::DataLossError(
        absl::StrCat("header: size field at offset ", kHeaderBytesAt, " is ",
                     header_bytes, "; expected ", kArtifactHeaderBytes));
  }
  if (Load<uint64_t>(header, kChecksumAt) != Checksum(header)) {
    return absl::DataLossError(
        absl::StrCat("header: checksum at offset ", kChecksumAt,
                     " does not match; the file is damaged, get it again"));
  }
  return absl::OkStatus();
}

absl::Status CheckRegions(const ArtifactHeader& header, int64_t file_bytes) {
  if (header.weights_offset < kArtifactHeaderBytes ||
      header.weights_offset % kWeightAlignment != 0) {
    return absl::DataLossError(
        absl::StrCat("header: weights at offset ", header.weights_offset,
                     "; expected a positive multiple of ", kWeightAlignment));
  }
  if (header.metadata_offset < header.weights_offset ||
      header.metadata_offset % kSegmentAlignment != 0) {
    return absl::DataLossError(
        absl::StrCat("header: metadata at offset ", header.metadata_offset,
                     "; expected a multiple of ", kSegmentAlignment,
                     " after the weights at ", header.weights_offset));
  }
  if (header.metadata_bytes < 0 || header.metadata_bytes > kMaxMetadataBytes) {
    return absl::DataLossError(
        absl::StrCat("header: metadata of ", header.metadata_bytes,
                     " bytes; expected at most ", kMaxMetadataBytes));
  }
  if (!RangeFits(header.metadata_offset, header.metadata_bytes, file_bytes)) {
    return absl::DataLossError(absl::StrCat(
        "truncated: metadata at offset ", header.metadata_offset, " has ",
        header.metadata_bytes, " bytes, but the file has ", file_bytes));
  }
  const int64_t end = header.metadata_offset + header.metadata_bytes;
  if (end != file_bytes) {
    return absl::DataLossError(absl::StrCat(
        file_bytes - end, " bytes after the metadata's end at offset ", end,
        "; expected none"));
  }
  return absl::OkStatus();
}

}  // namespace

std::array<uint8_t, kArtifactHeaderBytes> EncodeHeader(
    const ArtifactHeader& header) {
  std::array<uint8_t, kArtifactHeaderBytes> bytes = {};
  std::copy(kArtifactMagic.begin(), kArtifactMagic.end(), bytes.begin());
  uint8_t* out = bytes.data();
  Store(out, kVersionAt, header.version);
  Store(out, kHeaderBytesAt, uint32_t{kArtifactHeaderBytes});
  Store(out, kWeightsOffsetAt, header.weights_offset);
  Store(out, kMetadataOffsetAt, header.metadata_offset);
  Store(out, kMetadataBytesAt, header.metadata_bytes);
  Store(out, kHashLowAt, header.metadata_hash.low);
  Store(out, kHashHighAt, header.metadata_hash.high);
  Store(out, kChecksumAt, Checksum(out));
  return bytes;
}

absl::StatusOr<ArtifactHeader> DecodeHeader(absl::Span<const uint8_t> file) {
  if (file.size() < kArtifactMagic.size() ||
      !std::equal(kArtifactMagic.begin(), kArtifactMagic.end(), file.begin())) {
    return absl::InvalidArgumentError(
        "not an artifact: it does not start with the magic bytes of an .oz "
        "file");
  }
  if (file.size() < kArtifactHeaderBytes) {
    return absl::DataLossError(
        absl::StrCat("truncated: the file has ", file.size(),
                     " bytes, its header alone ", kArtifactHeaderBytes));
  }
  const uint8_t* in = file.data();
  OUNCE_RETURN_IF_ERROR(CheckVersionAndChecksum(in));
  ArtifactHeader header;
  header.version = Load<uint32_t>(in, kVersionAt);
  header.weights_offset = Load<int64_t>(in, kWeightsOffsetAt);
  header.metadata_offset = Load<int64_t>(in, kMetadataOffsetAt);
  header.metadata_bytes = Load<int64_t>(in, kMetadataBytesAt);
  header.metadata_hash.low = Load<uint64_t>(in, kHashLowAt);
  header.metadata_hash.high = Load<uint64_t>(in, kHashHighAt);
  OUNCE_RETURN_IF_ERROR(
      CheckRegions(header, static_cast<int64_t>(file.size())));
  return header;
}

absl::StatusOr<int64_t> SegmentBytes(const TensorRecord& record) {
  if (record.shape.empty() || record.shape.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeString(record.shape), "; expected [out, in] or [size]"));
  }
  if (*std::min_element(record.shape.begin(), record.shape.end()) < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeString(record.shape), "; expected positive dimensions"));
  }
  const CodecInfo& info = GetCodecInfo(record.codec);
  if (record.shape.size() == 1 && info.quantized) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a vector of codec ", info.name, "; expected f32, f16 or bf16"));
  }
  return PackedBytes(record.codec, SegmentRows(record), SegmentCols(record),
                     record.group_size);
}

absl::Status CheckSegments(absl::Span<const TensorRecord> records,
                           const ArtifactHeader& header) {
  int64_t end = header.weights_offset;
  for (const TensorRecord& record : records) {
    const int64_t expected_offset = RoundUp(end, kSegmentAlignment);
    if (record.offset != expected_offset) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", record.name, "' at offset ", record.offset, "; expected ",
          expected_offset, ", the next multiple of 64 after the one before"));
    }
    const absl::StatusOr<int64_t> expected_bytes = SegmentBytes(record);
    if (!expected_bytes.ok()) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", record.name, "': ", expected_bytes.status().message()));
    }
    if (record.bytes != *expected_bytes) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", record.name, "' has ", record.bytes, " bytes; shape ",
          ShapeString(record.shape), " of codec ",
          GetCodecInfo(record.codec).name, " needs ", *expected_bytes));
    }
    if (!RangeFits(record.offset, record.bytes, header.metadata_offset)) {
      return absl::DataLossError(absl::StrCat(
          "tensor '", record.name, "' at offset ", record.offset, " with ",
          record.bytes, " bytes reaches past the weights' end at ",
          header.metadata_offset));
    }
    end = record.offset + record.bytes;
  }
  if (RoundUp(end, kSegmentAlignment) != header.metadata_offset) {
    return absl::DataLossError(absl::StrCat(
        "the last tensor ends at offset ", end, ", but the metadata starts at ",
        header.metadata_offset, "; expected the next multiple of 64"));
  }
  return absl::OkStatus();
}

}  // namespace ounce
