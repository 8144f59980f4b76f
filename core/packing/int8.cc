#include "core/packing/int8.h"

#include <cstring>

namespace ounce {
namespace {

void PackRow(const QuantizedMatrix& matrix, int64_t row, uint8_t* block) {
  const Int8BlockLayout layout = GetInt8BlockLayout(matrix.cols);
  const int64_t lane = row % kRowBlock;
  const int8_t* codes = matrix.codes.data() + row * matrix.cols;
  const int64_t whole = matrix.cols / 4 * 4;
  for (int64_t c = 0; c < whole; c += 4) {
    std::memcpy(block + c * 16 + lane * 4, codes + c, 4);
  }
  std::memcpy(block + whole * 16 + lane * 4, codes + whole,
              static_cast<size_t>(matrix.cols - whole));
  int32_t sum = 0;
  for (int64_t c = 0; c < matrix.cols; ++c) sum += codes[c];
  std::memcpy(block + layout.scales_offset + lane * 4,
              &matrix.scales[static_cast<size_t>(row)], 4);
  std::memcpy(block + layout.row_sums_offset + lane * 4, &sum, 4);
}

}  // namespace

int64_t Int8PackedBytes(int64_t rows, int64_t cols, int64_t) {
  return DivideUp(rows, kRowBlock) * GetInt8BlockLayout(cols).block_bytes;
}

void PackInt8(const QuantizedMatrix& matrix, uint8_t* out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(matrix.cols);
  std::memset(
      out, 0,
      static_cast<size_t>(Int8PackedBytes(matrix.rows, matrix.cols, 0)));
  for (int64_t row = 0; row < matrix.rows; ++row) {
    PackRow(matrix, row, out + (row / kRowBlock) * layout.block_bytes);
  }
}

void UnpackInt8Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                    float* out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(matrix.cols);
  for (int64_t row = begin; row < end; ++row, out += matrix.cols) {
    const uint8_t* block = matrix.data + (row / kRowBlock) * layout.block_bytes;
    const int64_t lane = row % kRowBlock;
    float scale;
    std::memcpy(&scale, block + layout.scales_offset + lane * 4, 4);
    for (int64_t c = 0; c < matrix.cols; ++c) {
      const auto code =
          static_cast<int8_t>(block[(c / 4) * 64 + lane * 4 + c % 4]);
      out[c] = scale * static_cast<float>(code);
    }
  }
}

}  // namespace ounce
