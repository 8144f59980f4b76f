// Float tensors: rows of `cols` values, one after the other, without padding.
#ifndef OUNCE_CORE_PACKING_DENSE_H_
#define OUNCE_CORE_PACKING_DENSE_H_

#include <cstdint>

#include "core/packing/packed_matrix.h"

namespace ounce {

int64_t F32PackedBytes(int64_t rows, int64_t cols, int64_t group_size);
int64_t HalfPackedBytes(int64_t rows, int64_t cols, int64_t group_size);
void UnpackF32Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                   float* out);
void UnpackF16Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                   float* out);
void UnpackBF16Rows(const PackedMatrix& matrix, int64_t begin, int64_t end,
                    float* out);
// Narrows `count` values to the float codec `codec`, rounding half to even;
// values that were widened from it come back exactly.
void PackDense(Codec codec, const float* values, int64_t count, uint8_t* out);

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_DENSE_H_
