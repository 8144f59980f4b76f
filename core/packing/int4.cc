#include "core/packing/int4.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/half.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

void SetNibble(uint8_t* byte, int shift, int value) {
  *byte = static_cast<uint8_t>((*byte & ~(0xF << shift)) | (value << shift));
}

// The four bytes that eight columns' codes make, each code of a byte of its own
// and `flip` the bits that turn it into an unsigned one.
uint32_t PackChunk(const int8_t* codes, uint64_t flip) {
  uint64_t bytes;
  std::memcpy(&bytes, codes, 8);
  bytes = (bytes & 0x0F0F0F0F0F0F0F0Fu) ^ flip;
  return static_cast<uint32_t>(bytes) |
         (static_cast<uint32_t>(bytes >> 32) << 4);
}

// One row's codes.  Padding columns hold `padding`, a signed code that means 0.
OUNCE_VECTORIZE void PackRowCodes(const int8_t* codes, int64_t cols,
                                  int64_t padded_cols, bool symmetric,
                                  int8_t padding, uint8_t* out) {
  // In four bits, adding 8 is turning the highest.
  const uint64_t flip = symmetric ? 0x0808080808080808u : 0;
  int64_t c = 0;
  for (; c + 8 <= cols; c += 8, out += 64) {
    const uint32_t chunk = PackChunk(codes + c, flip);
    std::memcpy(out, &chunk, 4);
  }
  for (; c < padded_cols; c += 8, out += 64) {
    std::array<int8_t, 8> tail;
    tail.fill(padding);
    if (c < cols) std::copy(codes + c, codes + cols, tail.begin());
    const uint32_t chunk = PackChunk(tail.data(), flip);
    std::memcpy(out, &chunk, 4);
  }
}

// One row's codes, its scales, and its zero points if it has any.
void PackRow(const QuantizedMatrix& matrix, int64_t row, bool symmetric,
             uint8_t* block) {
  const Int4BlockLayout layout =
      GetInt4BlockLayout(matrix.cols, matrix.group_size, symmetric);
  const int64_t lane = row % kRowBlock;
  const int64_t first_group = row * layout.num_groups;
  for (int64_t g = 0; g < layout.num_groups; ++g) {
    const auto index = static_cast<size_t>(first_group + g);
    const uint16_t scale = F32ToF16(matrix.scales[index]);
    std::memcpy(block + layout.scales_offset + (g * kRowBlock + lane) * 2,
                &scale, 2);
    if (!symmetric) {
      SetNibble(block + layout.zero_points_offset + g * 8 + lane % 8,
                lane < 8 ? 0 : 4, matrix.zero_points[index]);
    }
  }
  // Padding belongs to the last group.
  const int padding = symmetric || layout.num_groups == 0
                          ? 0
                          : matrix.zero_points[static_cast<size_t>(
                                first_group + layout.num_groups - 1)];
  PackRowCodes(matrix.codes.data() + row * matrix.cols, matrix.cols,
               layout.padded_cols, symmetric, static_cast<int8_t>(padding),
               block + lane * 4);
}

// Rows beyond the last are zero weights: scale 0 and, for symmetric groups, the
// codes that mean 0.
void Pack(const QuantizedMatrix& matrix, bool symmetric, uint8_t* out) {
  const Int4BlockLayout layout =
      GetInt4BlockLayout(matrix.cols, matrix.group_size, symmetric);
  const int64_t num_blocks = DivideUp(matrix.rows, kRowBlock);
  for (int64_t b = 0; b < num_blocks; ++b) {
    uint8_t* block = out + b * layout.block_bytes;
    if (symmetric) {
      ClearInt4Codes(layout.padded_cols, block);
    } else {
      std::memset(block, 0, static_cast<size_t>(layout.scales_offset));
    }
    std::memset(block + layout.scales_offset, 0,
                static_cast<size_t>(layout.block_bytes - layout.scales_offset));
    const int64_t end = std::min(matrix.rows, (b + 1) * kRowBlock);
    for (int64_t row = b * kRowBlock; row < end; ++row) {
      PackRow(matrix, row, symmetric, block);
    }
  }
}

}  // namespace

void ClearInt4Codes(int64_t padded_cols, uint8_t* block) {
  std::memset(block, 0x88, static_cast<size_t>(padded_cols * kRowBlock / 2));
}

void PackInt4Codes(absl::Span<const int8_t> codes, int64_t lane,
                   uint8_t* block) {
  const auto cols = static_cast<int64_t>(codes.size());
  PackRowCodes(codes.data(), cols, RoundUp(cols, 32), /*symmetric=*/true,
               /*padding=*/0, block + lane * 4);
}

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
        out[c] =
            scale * static_cast<float>(Int4CodeAt(block, c, lane) - zero_point);
      }
    }
  }
}

float RoundInt4Scale(float scale, float) { return F16ToF32(F32ToF16(scale)); }

}  // namespace ounce
