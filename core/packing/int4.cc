#include "core/packing/int4.h"

#include <algorithm>
#include <cstring>

#include "core/half.h"

namespace ounce {
namespace {

// Where column `c` of `lane` lies in a block's codes, and its nibble's shift.
int64_t CodeByte(int64_t c, int64_t lane) {
  return (c / 8) * 64 + lane * 4 + c % 4;
}
int CodeShift(int64_t c) { return (c % 8) < 4 ? 0 : 4; }

void SetNibble(uint8_t* byte, int shift, int value) {
  *byte = static_cast<uint8_t>((*byte & ~(0xF << shift)) | (value << shift));
}

// One row's unsigned codes, its scales, and its zero points if it has any.
void PackRow(const QuantizedMatrix& matrix, int64_t row, bool symmetric,
             uint8_t* block) {
  const Int4BlockLayout layout =
      GetInt4BlockLayout(matrix.cols, matrix.group_size, symmetric);
  const int64_t lane = row % kRowBlock;
  const int8_t* codes = matrix.codes.data() + row * matrix.cols;
  const int64_t first_group = row * layout.num_groups;
  for (int64_t g = 0; g < layout.num_groups; ++g) {
    const auto index = static_cast<size_t>(first_group + g);
    const int zero_point =
        symmetric ? kInt4SymmetricZeroPoint : matrix.zero_points[index];
    const int offset = symmetric ? kInt4SymmetricZeroPoint : 0;
    const bool last = g + 1 == layout.num_groups;
    const int64_t end = last ? layout.padded_cols : (g + 1) * matrix.group_size;
    for (int64_t c = g * matrix.group_size; c < end; ++c) {
      const int code = c < matrix.cols ? codes[c] + offset : zero_point;
      SetNibble(block + CodeByte(c, lane), CodeShift(c), code);
    }
    const uint16_t scale = F32ToF16(matrix.scales[index]);
    std::memcpy(block + layout.scales_offset + (g * kRowBlock + lane) * 2,
                &scale, 2);
    if (!symmetric) {
      SetNibble(block + layout.zero_points_offset + g * 8 + lane % 8,
                lane < 8 ? 0 : 4, zero_point);
    }
  }
}

// Rows beyond the last are zero weights: scale 0 and, for symmetric groups, the
// codes that mean 0.
void Pack(const QuantizedMatrix& matrix, bool symmetric, uint8_t* out) {
  const Int4BlockLayout layout =
      GetInt4BlockLayout(matrix.cols, matrix.group_size, symmetric);
  const int64_t num_blocks = DivideUp(matrix.rows, kRowBlock);
  for (int64_t b = 0; b < num_blocks; ++b) {
    uint8_t* block = out + b * layout.block_bytes;
    std::memset(block, symmetric ? 0x88 : 0,
                static_cast<size_t>(layout.scales_offset));
    std::memset(block + layout.scales_offset, 0,
                static_cast<size_t>(layout.block_bytes - layout.scales_offset));
    const int64_t end = std::min(matrix.rows, (b + 1) * kRowBlock);
    for (int64_t row = b * kRowBlock; row < end; ++row) {
      PackRow(matrix, row, symmetric, block);
    }
  }
}

}  // namespace

int64_t Int4PackedBytes(int64_t rows, int64_t cols, int64_t group_size) {
  return DivideUp(rows, kRowBlock) *
         GetInt4BlockLayout(cols, group_size, /*symmetric=*/true).block_bytes;
}

int64_t Int4AsymmetricPackedBytes(int64_t rows, int64_t cols,
                                  int64_t group_size) {
  return DivideUp(rows, kRowBlock) *
         GetInt4BlockLayout(cols, group_size, /*symmetric=*/false).block_bytes;
}

void PackInt4(const QuantizedMatrix& matrix, uint8_t* out) {
  Pack(matrix, /*symmetric=*/true, out);
}

void PackInt4Asymmetric(const QuantizedMatrix& matrix, uint8_t* out) {
  Pack(matrix, /*symmetric=*/false, out);
}

void UnpackInt4Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                    float* out) {
  const bool symmetric = matrix.codec == Codec::kInt4;
  const Int4BlockLayout layout =
      GetInt4BlockLayout(matrix.cols, matrix.group_size, symmetric);
  for (int64_t row = begin; row < end; ++row, out += matrix.cols) {
    const uint8_t* block = matrix.data + (row / kRowBlock) * layout.block_bytes;
    const int64_t lane = row % kRowBlock;
    for (int64_t g = 0; g < layout.num_groups; ++g) {
      uint16_t bits;
      std::memcpy(&bits,
                  block + layout.scales_offset + (g * kRowBlock + lane) * 2, 2);
      const float scale = F16ToF32(bits);
      const int zero_point =
          symmetric ? kInt4SymmetricZeroPoint
                    : (block[layout.zero_points_offset + g * 8 + lane % 8] >>
                       (lane < 8 ? 0 : 4)) &
                          0xF;
      const int64_t group_end =
          std::min(matrix.cols, (g + 1) * matrix.group_size);
      for (int64_t c = g * matrix.group_size; c < group_end; ++c) {
        const int code = (block[CodeByte(c, lane)] >> CodeShift(c)) & 0xF;
        out[c] = scale * static_cast<float>(code - zero_point);
      }
    }
  }
}

float RoundInt4Scale(float scale) { return F16ToF32(F32ToF16(scale)); }

}  // namespace ounce
