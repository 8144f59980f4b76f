// The types in which a tensor is stored, and a view of one stored matrix.
// Quantisers write these layouts, the artifact stores them, kernels read them;
// everybody else passes the view along without looking inside.
#ifndef OUNCE_CORE_PACKING_PACKED_MATRIX_H_
#define OUNCE_CORE_PACKING_PACKED_MATRIX_H_

#include <cstdint>

namespace ounce {

// The values are stored in artifacts: never renumber one.
enum class Codec : uint8_t {
  kF32 = 0,
  kF16 = 1,
  kBF16 = 2,
  kInt8 = 3,             // core/packing/int8.h
  kInt4 = 4,             // core/packing/int4.h, zero point 8
  kInt4Asymmetric = 5,   // core/packing/int4.h, a zero point per group
  kInt4Progressive = 6,  // core/packing/int4_progressive.h
};

// A weight [rows = out, cols = in] as stored.  A vector is one row.  Owns
// nothing: `data` lives as long as the file it is mapped from.
struct PackedMatrix {
  Codec codec = Codec::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t group_size = 0;  // Columns that share a scale; 0: no groups.
  const uint8_t* data = nullptr;
  int64_t bytes = 0;
};

// Packed codecs interleave this many output rows: one 512-bit vector of 32-bit
// sums, two of 256 bits or four of 128.
inline constexpr int64_t kRowBlock = 16;

}  // namespace ounce

#endif  // OUNCE_CORE_PACKING_PACKED_MATRIX_H_
