// The types in which a tensor is stored, and a view of one stored matrix.
// Quantisers write these layouts, the artifact stores them, kernels read them;
// everybody else passes the view along without looking inside.
#ifndef OUNCE_CORE_PACKING_PACKED_MATRIX_H_
#define OUNCE_CORE_PACKING_PACKED_MATRIX_H_

#include <cstdint>

namespace ounce {

// The values are stored in artifacts: never renumber one.  Those from
// kFirstForeignCodec on are never stored.
enum class Codec : uint8_t {
  kF32 = 0,
  kF16 = 1,
  kBF16 = 2,
  kInt8 = 3,             // core/packing/int8.h
  kInt4 = 4,             // core/packing/int4.h, zero point 8
  kInt4Asymmetric = 5,   // core/packing/int4.h, a zero point per group
  kInt4Progressive = 6,  // core/packing/int4_progressive.h
  // The weights of kInt8; products quantise their input more finely.
  kInt8ActivationGroups = 7,

  // Of other programs' files, which we read and never write: rows of blocks.
  // 128 and the number that GGUF gives the type.
  kQ4_0 = 130,   // core/packing/ggml_blocks.h
  kQ4_1 = 131,   // The same.
  kQ5_0 = 134,   // The same.
  kQ5_1 = 135,   // The same.
  kQ8_0 = 136,   // The same.
  kQ2K = 138,    // core/packing/ggml_k_blocks.h
  kQ3K = 139,    // The same.
  kQ4K = 140,    // The same.
  kQ5K = 141,    // The same.
  kQ6K = 142,    // The same.
  kIq4Nl = 148,  // core/packing/ggml_blocks.h
  kIq4Xs = 151,  // core/packing/ggml_k_blocks.h
};

inline constexpr int kFirstForeignCodec = 128;

constexpr bool IsForeign(Codec codec) {
  return static_cast<int>(codec) >= kFirstForeignCodec;
}

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
