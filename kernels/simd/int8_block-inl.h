// What the products with int8 codes share: row blocks, and how they are read.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_INT8_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_INT8_BLOCK_INL_H_
#undef OUNCE_KERNELS_SIMD_INT8_BLOCK_INL_H_
#else
#define OUNCE_KERNELS_SIMD_INT8_BLOCK_INL_H_
#endif

#include <cstdint>

#include "core/packing/int8.h"
#include "hwy/highway.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

inline constexpr int64_t kChunkBytes = 4 * kRowBlock;  // Four columns.
// How far ahead of the codes in use the next are asked for.
inline constexpr int64_t kPrefetchBytes = 3072;
// With more tokens the products take longer than the weights.
inline constexpr int64_t kMaxPrefetchTokens = 16;
// Row blocks that one token takes side by side: memory serves several streams
// faster than one, which stops at the end of every page.
inline constexpr int kStreams = 4;

// Row blocks and where their rows go.  A part is one vector of rows; those of
// the second block follow those of the first, and so on.
struct Int8Block {
  const uint8_t* data;
  const Int8BlockLayout* layout;
  int64_t row;        // The first block's first row.
  int64_t rows_left;  // Of the matrix, from there on.
};

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#endif  // OUNCE_KERNELS_SIMD_INT8_BLOCK_INL_H_
