// int4 weights in groups of 32, 64 or 128 columns with f16 scales; symmetric
// (zero point 8) or with an integer zero point per group.
//
// Rows come in blocks of 16 (kRowBlock), the last filled up with zero rows; the
// columns are filled up with zeros to a multiple of 32.  One block is
//   codes       [padded_cols / 8][16 rows][4 bytes]: byte j of chunk c holds
//               column 8c + j in its low and column 8c + 4 + j in its high
//               nibble, as unsigned codes 0..15
//   scales      [groups][16 rows] f16
//   zero_points [groups][8 bytes], asymmetric only: byte i holds row i in its
//               low and row i + 8 in its high nibble
// and is filled up with zeros to a multiple of 64 bytes.
// weight = scale * (code - zero_point).  One 64-byte load and one mask give the
// unsigned operand of a 4-way dot product for all 16 rows.
#ifndef OUNCE_CORE_PACKING_INT4_H_
#define OUNCE_CORE_PACKING_INT4_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/checked.h"
#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"

namespace ounce {

// The zero point of every symmetric group.
inline constexpr int kInt4SymmetricZeroPoint = 8;

// Where the parts of one row block lie, in bytes from its start.
struct Int4BlockLayout {
  int64_t padded_cols;
  int64_t num_groups;
  int64_t scales_offset;
  int64_t zero_points_offset;
  int64_t block_bytes;
};

inline Int4BlockLayout GetInt4BlockLayout(int64_t cols, int64_t group_size,
                                          bool symmetric) {
  Int4BlockLayout layout;
  layout.padded_cols = RoundUp(cols, 32);
  layout.num_groups = DivideUp(cols, group_size);
  layout.scales_offset = layout.padded_cols * (kRowBlock / 2);
  layout.zero_points_offset =
      layout.scales_offset + layout.num_groups * kRowBlock * 2;
  const int64_t zero_points_bytes =
      symmetric ? 0 : layout.num_groups * (kRowBlock / 2);
  layout.block_bytes =
      RoundUp(layout.zero_points_offset + zero_points_bytes, 64);
  return layout;
}

// The code of column `c` in the row `lane` of a block.
inline int Int4CodeAt(const uint8_t* block, int64_t c, int64_t lane) {
  const uint8_t byte = block[c / 8 * 64 + lane * 4 + c % 4];
  return c % 8 < 4 ? byte & 0xF : byte >> 4;
}
// Makes all of a block's codes mean 0, for symmetric groups.
void ClearInt4Codes(int64_t padded_cols, uint8_t* block);
// Writes the codes (-8..7, symmetric) of the row `lane` of a block, and zeros
// up to the next multiple of 32 columns.
void PackInt4Codes(absl::Span<const int8_t> codes, int64_t lane,
                   uint8_t* block);

int64_t Int4PackedBytes(int64_t rows, int64_t cols, int64_t group_size);
int64_t Int4AsymmetricPackedBytes(int64_t rows, int64_t cols,
                                  int64_t group_size);
void PackInt4(const QuantizedMatrix& matrix, uint8_t* out);
void PackInt4Asymmetric(const QuantizedMatrix& matrix, uint8_t* out);
void UnpackInt4Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                    float* out);
// The nearest f16 value: what the file will hold.  Rows have no unit.
float RoundInt4Scale(float scale, float row_scale);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_INT4_H_
