// int4 weights in groups of 32, 64 or 128 columns whose scales are small
// integers: multiples, within -15..15, of one float per row.  Symmetric.
// Source: the progressive group quantisation of QServe, arXiv:2405.04532,
// section 4.1, without its zero points and with 4-bit magnitudes, so that a
// 16-bit sum of 32 columns leaves room for the codes' offset.
//
// Rows come in blocks of 16 (kRowBlock), the last filled up with zero rows; the
// columns are filled up with zeros to a multiple of 32.  One block is
//   codes        as in core/packing/int4.h, zero point 8
//   group_scales [groups][16 rows] int8, -15..15
//   row_scales   [16] f32
// and is filled up with zeros to a multiple of 64 bytes: 4.25 bits a weight in
// groups of 32, 4.125 of 64.
// weight = row_scale * (group_scale * (code - 8)).  What is in parentheses is
// within -120..120: an int8 weight with one scale per row, which integer sums
// never leave.  A file may hold other group scales, or padding that is not 0;
// products with them are some numbers, not the same everywhere.
#ifndef OUNCE_CORE_PACKING_INT4_PROGRESSIVE_H_
#define OUNCE_CORE_PACKING_INT4_PROGRESSIVE_H_

#include <cstdint>

#include "core/checked.h"
#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"

namespace ounce {

// The largest magnitude of a group scale.
inline constexpr int kInt4ProgressiveMaxScale = 15;

// Where the parts of one row block lie, in bytes from its start.
struct Int4ProgressiveBlockLayout {
  int64_t padded_cols;
  int64_t num_groups;
  int64_t group_scales_offset;
  int64_t row_scales_offset;
  int64_t block_bytes;
};

inline Int4ProgressiveBlockLayout GetInt4ProgressiveBlockLayout(
    int64_t cols, int64_t group_size) {
  Int4ProgressiveBlockLayout layout;
  layout.padded_cols = RoundUp(cols, 32);
  layout.num_groups = DivideUp(cols, group_size);
  layout.group_scales_offset = layout.padded_cols * (kRowBlock / 2);
  layout.row_scales_offset =
      layout.group_scales_offset + layout.num_groups * kRowBlock;
  layout.block_bytes = RoundUp(
      layout.row_scales_offset + kRowBlock * int64_t{sizeof(float)}, 64);
  return layout;
}

int64_t Int4ProgressivePackedBytes(int64_t rows, int64_t cols,
                                   int64_t group_size);
// Each row's scales must be whole multiples, within -15..15, of some float, as
// RoundInt4ProgressiveScale() makes them; the largest such float is stored.
void PackInt4Progressive(const QuantizedMatrix& matrix, uint8_t* out);
void UnpackInt4ProgressiveRows(const PackedMatrix& matrix, int64_t begin,
                               int64_t end, float* out);

// The unit of a row whose largest group scale has the magnitude `largest`: a
// fifteenth of it, rounded up to 20 significant bits, so that its multiples up
// to 15 are exact in f32.  At least the smallest normal f32, or 0.
float Int4ProgressiveRowScale(float largest);
// The multiple of `row_scale` nearest to `scale` (half away from 0) of -15..15,
// but 0 only for 0.
float RoundInt4ProgressiveScale(float scale, float row_scale);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_INT4_PROGRESSIVE_H_
