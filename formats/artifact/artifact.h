// What an artifact (`model.oz`) holds besides its weights.  The bytes are
// described in docs/artifact_format.md.
#ifndef OUNCE_FORMATS_ARTIFACT_ARTIFACT_H_
#define OUNCE_FORMATS_ARTIFACT_ARTIFACT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/hash.h"
#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "core/tokenizer_asset.h"
#include "model/spec.h"

namespace ounce {

inline constexpr uint32_t kArtifactVersion = 4;

// A file of the checkpoint an artifact was made from.
struct SourceFile {
  std::string name;  // Relative to the checkpoint's folder.
  std::string sha256;
  int64_t bytes = 0;
};

// The text that an artifact was calibrated on.
struct CalibrationSource {
  std::string sha256;  // Of its token ids, as little-endian int32.
  int64_t tokens = 0;
  int64_t context = 0;  // Tokens of a window, at most.
  uint64_t seed = 0;
  bool own_text = false;  // The model wrote it.

  friend bool operator==(const CalibrationSource&,
                         const CalibrationSource&) = default;
};

// Where an artifact comes from.  No times, no absolute paths: the same input
// and recipe give the same bytes.
struct Provenance {
  std::string tool_version;
  std::vector<SourceFile> sources;
  std::string recipe;  // YAML, complete: defaults written out.
  std::optional<CalibrationSource> calibration;  // If the recipe calibrates.
};

// One tensor as the artifact's metadata describes it.
struct TensorRecord {
  std::string name;  // Canonical (model/tensor_table.h).
  Shape shape;       // [out, in] or [size].
  Codec codec = Codec::kF32;
  int64_t group_size = 0;
  int64_t offset = 0;  // From the start of the file.
  int64_t bytes = 0;
  Hash128 hash;  // XXH3-128 of the bytes.
  // What compression did to it: 10 log10(sum w^2 / sum (w - w')^2), infinite
  // for an exact copy; and the share of weights that are exactly 0.
  double snr_db = 0.0;
  double sparsity = 0.0;
};

}  // namespace ounce

#endif  // OUNCE_FORMATS_ARTIFACT_ARTIFACT_H_
