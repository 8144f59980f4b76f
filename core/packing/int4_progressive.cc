#include "core/packing/int4_progressive.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/types/span.h"
#include "core/check.h"
#include "core/packing/int4.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr int64_t kSpanCols = 32;  // What the columns are filled up to.
// Eight columns of a block's sixteen rows, and a span of them.
constexpr int64_t kChunkBytes = 64;
constexpr int64_t kSpanBytes = kSpanCols / 8 * kChunkBytes;

// `scale` as a multiple of `unit`, rounded.
int Multiple(float scale, float unit) {
  return static_cast<int>(std::round(scale / unit));
}

// Whether all scales are exact multiples of `unit` of at most 15.
bool Divides(float unit, absl::Span<const float> scales) {
  return std::all_of(scales.begin(), scales.end(), [unit](float scale) {
    const float multiple = std::round(scale / unit);
    return std::abs(multiple) <= float{kInt4ProgressiveMaxScale} &&
           double{unit} * double{multiple} == double{scale};
  });
}

// The largest float of which all scales are multiples within -15..15; 0 if all
// are 0.
float RowScaleOf(absl::Span<const float> scales) {
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
    const int multiple = row_scale == 0.0f ? 0 : Multiple(scale, row_scale);
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

// What turns the codes of a group of sixteen rows into weights, two codes at a
// time: no product exceeds 15 * 15, so two of them fit 16 bits side by side.  A
// negative scale is one of 15 - code, whose zero lies at 7.
struct GroupFactors {
  uint16_t flips[kRowBlock * 2];
  uint16_t magnitudes[kRowBlock * 2];
  uint8_t zeros[kRowBlock * 4];  // What stands for a weight of 0.

  explicit GroupFactors(const uint8_t* group_scales) {
    for (int64_t lane = 0; lane < kRowBlock; ++lane) {
      const int scale = static_cast<int8_t>(group_scales[lane]);
      const int magnitude = std::abs(scale);
      for (int64_t i = lane * 2; i < lane * 2 + 2; ++i) {
        flips[i] = scale < 0 ? 0x0F0F : 0;
        magnitudes[i] = static_cast<uint16_t>(magnitude);
      }
      std::fill_n(zeros + lane * 4, 4,
                  static_cast<uint8_t>((scale < 0 ? 7 : 8) * magnitude));
    }
  }
};

// 32 columns of sixteen rows: the four columns from 4q of all rows at
// weights[q], in the order of the block.
struct UnpackedSpan {
  int8_t weights[kSpanCols / 4][kChunkBytes];

  void CopyRow(int64_t lane, int64_t cols, int8_t* out) const {
    int8_t row[kSpanCols];
    for (int64_t q = 0; q < kSpanCols / 4; ++q) {
      std::memcpy(row + q * 4, weights[q] + lane * 4, 4);
    }
    // A call costs more than copying a whole span.
    if (cols == kSpanCols) {
      std::memcpy(out, row, sizeof(row));
    } else {
      std::memcpy(out, row, static_cast<size_t>(cols));
    }
  }
};

// Adds the rows' sums over the span to `row_sums`.
OUNCE_VECTORIZE_PART void UnpackSpan(const uint8_t* codes,
                                     const GroupFactors& factors,
                                     UnpackedSpan* out, int32_t* row_sums) {
  constexpr int64_t kPairs = kChunkBytes / 2;
  uint16_t code_sums[kPairs] = {};  // Bytes of at most 8 * 15.
  for (int64_t q = 0; q < kSpanCols / 4; ++q) {
    uint16_t packed[kPairs];
    uint16_t products[kPairs];
    uint8_t bytes[kChunkBytes];
    std::memcpy(packed, codes + q / 2 * kChunkBytes, sizeof(packed));
    const int shift = q % 2 == 0 ? 0 : 4;
    for (int64_t i = 0; i < kPairs; ++i) {
      const auto pair = static_cast<uint16_t>(((packed[i] >> shift) & 0x0F0F) ^
                                              factors.flips[i]);
      code_sums[i] = static_cast<uint16_t>(code_sums[i] + pair);
      products[i] = static_cast<uint16_t>(pair * factors.magnitudes[i]);
    }
    std::memcpy(bytes, products, sizeof(bytes));
    for (int64_t i = 0; i < kChunkBytes; ++i) {
      out->weights[q][i] = static_cast<int8_t>(bytes[i] - factors.zeros[i]);
    }
  }
  for (int64_t lane = 0; lane < kRowBlock; ++lane) {
    int32_t sum = 0;
    for (int64_t i = lane * 2; i < lane * 2 + 2; ++i) {
      sum += (code_sums[i] & 0xFF) + (code_sums[i] >> 8);
    }
    row_sums[lane] += sum * factors.magnitudes[lane * 2] -
                      int32_t{kSpanCols} * factors.zeros[lane * 4];
  }
}

// `rows` rows of a block, from the first on.
OUNCE_VECTORIZE void UnpackBlock(const PackedMatrix& matrix,
                                 const uint8_t* block, int64_t rows,
                                 int8_t* out, int32_t* row_sums) {
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(matrix.cols, matrix.group_size);
  int32_t sums[kRowBlock] = {};
  for (int64_t g = 0; g < layout.num_groups; ++g) {
    const GroupFactors factors(block + layout.group_scales_offset +
                               g * kRowBlock);
    const int64_t end = std::min(matrix.cols, (g + 1) * matrix.group_size);
    for (int64_t c = g * matrix.group_size; c < end; c += kSpanCols) {
      UnpackedSpan span;
      UnpackSpan(block + c / kSpanCols * kSpanBytes, factors, &span, sums);
      for (int64_t lane = 0; lane < rows; ++lane) {
        span.CopyRow(lane, std::min(kSpanCols, end - c),
                     out + lane * matrix.cols + c);
      }
    }
  }
  std::copy_n(sums, rows, row_sums);
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
      ClearInt4Codes(layout.padded_cols, block);
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

void UnpackInt4ProgressiveToInt8(const PackedMatrix& matrix, int64_t begin,
                                 int64_t end, const Int8Rows& out) {
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(matrix.cols, matrix.group_size);
  for (int64_t row = begin; row < end; row += kRowBlock) {
    const uint8_t* block = matrix.data + row / kRowBlock * layout.block_bytes;
    const int64_t rows = std::min(kRowBlock, end - row);
    const int64_t first = row - begin;
    UnpackBlock(matrix, block, rows, out.codes + first * matrix.cols,
                out.row_sums + first);
    std::memcpy(out.scales + first, block + layout.row_scales_offset,
                static_cast<size_t>(rows) * sizeof(float));
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
