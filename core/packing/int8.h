// int8 weights, symmetric, one scale per output row: codecs kInt8 and
// kInt8ActivationGroups, which differ in what products do with their input.
//
// Rows come in blocks of 16 (kRowBlock), the last filled up with zero rows; the
// columns are filled up with zeros to a multiple of 4.  One block is
//   codes    [padded_cols / 4][16 rows][4 columns] int8, -127..127
//   scales   [16] f32
//   row_sums [16] int32: the sum of each row's codes, which turns a product
//   with
//            unsigned inputs (x + 128) into the one with signed inputs.
// 64 bytes of codes are what one 4-way dot product instruction of 512 bits
// eats.
#ifndef OUNCE_CORE_PACKING_INT8_H_
#define OUNCE_CORE_PACKING_INT8_H_

#include <cstdint>

#include "core/checked.h"
#include "core/packing/packed_matrix.h"
#include "core/quantized_matrix.h"

namespace ounce {

// Where the parts of one row block lie, in bytes from its start.
struct Int8BlockLayout {
  int64_t padded_cols;
  int64_t scales_offset;
  int64_t row_sums_offset;
  int64_t block_bytes;
};

inline Int8BlockLayout GetInt8BlockLayout(int64_t cols) {
  const int64_t padded_cols = RoundUp(cols, 4);
  const int64_t codes_bytes = padded_cols * kRowBlock;
  return {padded_cols, codes_bytes, codes_bytes + 64, codes_bytes + 128};
}

int64_t Int8PackedBytes(int64_t rows, int64_t cols, int64_t group_size);
void PackInt8(const QuantizedMatrix& matrix, uint8_t* out);
void UnpackInt8Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                    float* out);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_INT8_H_
