#include "core/packing/int4_progressive.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/types/span.h"
#include "core/check.h"
#include "core/packing/int4.h"
#include "core/round.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr int64_t kSpanCols = 32;  // What the columns are filled up to.

// `scale` as a multiple of `unit`, rounded; of a true multiple, exactly.
float Multiple(float scale, float unit) { return RoundHalfEven(scale / unit); }

// Whether all scales are exact multiples of `unit` of at most 15.
OUNCE_VECTORIZE_PART bool Divides(float unit, absl::Span<const float> scales) {
  // Few candidates get past the first part, and a part has no exit inside, so
  // that the compiler vectorises it.
  constexpr size_t kPart = 16;
  for (size_t begin = 0; begin < scales.size(); begin += kPart) {
    const size_t end = std::min(scales.size(), begin + kPart);
    uint32_t misses = 0;
    for (size_t i = begin; i < end; ++i) {
      const float multiple = Multiple(scales[i], unit);
      const bool exact = double{unit} * double{multiple} == double{scales[i]};
      const bool small = std::abs(multiple) <= float{kInt4ProgressiveMaxScale};
      misses |= exact && small ? 0u : 1u;
    }
    if (misses != 0) return false;
  }
  return true;
}

// The largest float of which all scales are multiples within -15..15; 0 if all
// are 0.
OUNCE_VECTORIZE float RowScaleOf(absl::Span<const float> scales) {
  float largest = 0.0f;
  for (const float scale : scales) largest = std::max(largest, std::abs(scale));
  if (largest == 0.0f) return 0.0f;
  for (int multiple = 1; multiple <= kInt4ProgressiveMaxScale; ++multiple) {
    const float unit = largest / static_cast<float>(multiple);
    if (Divides(unit, scales)) return unit;
  }
  OUNCE_DCHECK(false);  // Not scales that RoundInt4ProgressiveScale() made.
  return Int4ProgressiveRowScale(largest);
}

void PackRow(const QuantizedMatrix& matrix, int64_t row,
             const Int4ProgressiveBlockLayout& layout, uint8_t* block) {
  const int64_t lane = row % kRowBlock;
  const auto scales = absl::MakeConstSpan(matrix.scales)
                          .subspan(static_cast<size_t>(row * layout.num_groups),
                                   static_cast<size_t>(layout.num_groups));
  const float row_scale = RowScaleOf(scales);
  uint8_t* group_scales = block + layout.group_scales_offset + lane;
  for (const float scale : scales) {
    const float multiple =
        row_scale == 0.0f ? 0.0f : Multiple(scale, row_scale);
    *group_scales = static_cast<uint8_t>(static_cast<int8_t>(multiple));
    group_scales += kRowBlock;
  }
  std::memcpy(block + layout.row_scales_offset + lane * 4, &row_scale,
              sizeof(row_scale));
  PackInt4Codes(absl::MakeConstSpan(matrix.codes.data() + row * matrix.cols,
                                    static_cast<size_t>(matrix.cols)),
                lane, block);
}

float LoadRowScale(const uint8_t* row_scales, int64_t lane) {
  float scale;
  std::memcpy(&scale, row_scales + lane * 4, sizeof(scale));
  return scale;
}

}  // namespace

int64_t Int4ProgressivePackedBytes(int64_t rows, int64_t cols,
                                   int64_t group_size) {
  return DivideUp(rows, kRowBlock) *
         GetInt4ProgressiveBlockLayout(cols, group_size).block_bytes;
}

void PackInt4Progressive(const QuantizedMatrix& matrix, uint8_t* out) {
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(matrix.cols, matrix.group_size);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    uint8_t* block = out + row / kRowBlock * layout.block_bytes;
    if (row % kRowBlock == 0) {
      // Rows beyond the last are zero weights with scales of 0.
      if (matrix.rows - row < kRowBlock) {
        ClearInt4Codes(layout.padded_cols, block);
      }
      std::fill(block + layout.group_scales_offset, block + layout.block_bytes,
                uint8_t{0});
    }
    PackRow(matrix, row, layout, block);
  }
}

void UnpackInt4ProgressiveRows(const PackedMatrix& matrix, int64_t begin,
                               int64_t end, float* out) {
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(matrix.cols, matrix.group_size);
  for (int64_t row = begin; row < end; ++row, out += matrix.cols) {
    const uint8_t* block = matrix.data + row / kRowBlock * layout.block_bytes;
    const int64_t lane = row % kRowBlock;
    const float row_scale =
        LoadRowScale(block + layout.row_scales_offset, lane);
    const uint8_t* group_scales = block + layout.group_scales_offset + lane;
    for (int64_t c = 0; c < matrix.cols; ++c) {
      const int group_scale =
          static_cast<int8_t>(group_scales[c / matrix.group_size * kRowBlock]);
      const int code = Int4CodeAt(block, c, lane) - kInt4SymmetricZeroPoint;
      out[c] = row_scale * static_cast<float>(group_scale * code);
    }
  }
}

float Int4ProgressiveRowScale(float largest) {
  if (largest == 0.0f) return 0.0f;
  // Four of the 24 bits make room for the multiple's four.
  constexpr uint32_t kSpareBits = 0xF;
  const float exact = std::max(largest / float{kInt4ProgressiveMaxScale},
                               std::numeric_limits<float>::min());
  const float unit = std::bit_cast<float>(
      (std::bit_cast<uint32_t>(exact) + kSpareBits) & ~kSpareBits);
  // 8 * 15 of which are still finite.
  constexpr float kMost = 0x1.1111p121f;
  return std::min(unit, kMost);
}

float RoundInt4ProgressiveScale(float scale, float row_scale) {
  if (scale == 0.0f) return 0.0f;
  constexpr auto kMost = float{kInt4ProgressiveMaxScale};
  const float magnitude =
      std::clamp(std::round(std::abs(scale) / row_scale), 1.0f, kMost);
  return std::copysign(row_scale * magnitude, scale);
}

}  // namespace ounce
