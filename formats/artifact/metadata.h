// An artifact's metadata as FlatBuffers bytes (artifact.fbs) and back.
#ifndef OUNCE_FORMATS_ARTIFACT_METADATA_H_
#define OUNCE_FORMATS_ARTIFACT_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tokenizer_asset.h"
#include "formats/artifact/artifact.h"
#include "model/spec.h"

namespace ounce {

struct ArtifactMetadata {
  ModelSpec spec;
  std::vector<TensorRecord> records;
  TokenizerAsset tokenizer;
  Provenance provenance;
};

// What a text or a list in the metadata may take.  Each bounds what a hostile
// file makes the reader copy, far above anything real.
inline constexpr size_t kMaxNameBytes = 1024;
inline constexpr size_t kMaxRecipeBytes = size_t{16} << 20;
inline constexpr size_t kMaxTokenizerBytes = size_t{512} << 20;
inline constexpr size_t kMaxTokenizerFiles = 64;
inline constexpr size_t kMaxTables = size_t{1} << 18;

// Deterministic: equal metadata gives equal bytes.
// kInvalidArgument: a text or the tokenizer is larger than allowed above.
absl::StatusOr<std::vector<uint8_t>> EncodeMetadata(
    const ArtifactMetadata& metadata);

// Verifies and reads `bytes`, which start at a multiple of 8 in memory and
// outlive the tokenizer's files, which are views of them.  Every
// value is checked but the records' offsets and bytes (CheckSegments()).
// kUnimplemented: a codec we do not have; kDataLoss: anything else.
absl::StatusOr<ArtifactMetadata> DecodeMetadata(
    absl::Span<const uint8_t> bytes);

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_METADATA_H_
