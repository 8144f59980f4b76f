// The 4-way dot products that the integer kernels are built of, one version per
// instruction set: each 32-bit lane holds four 8-bit codes.  Everything else
// about a product is generic Highway code.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_DOT_INL_H_
#undef OUNCE_KERNELS_SIMD_DOT_INL_H_
#else
#define OUNCE_KERNELS_SIMD_DOT_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "core/packing/packed_matrix.h"
#include "hwy/highway.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using IntTag = hn::ScalableTag<int32_t>;
using FloatTag = hn::ScalableTag<float>;
using IntVec = hn::Vec<IntTag>;
using FloatVec = hn::Vec<FloatTag>;

// A row block of 16 output rows is this many vectors ("parts").
inline constexpr int64_t kLanes = HWY_LANES(int32_t);
inline constexpr int kBlockParts = static_cast<int>(kRowBlock / kLanes);

#if HWY_TARGET == HWY_AVX2

// Tokens whose sums fit the registers together with the weights.
inline constexpr int kTileTokens = 4;
// The value that PrepareS8 adds to every weight.
inline constexpr int kS8Offset = 0;

// acc += codes (0..15) * x (-127..127), in 16-bit sums of two products each.
// Exact for 8 calls: 8 * 2 * 15 * 127 = 30480.
HWY_INLINE IntVec DotU4(IntVec acc, IntVec codes, IntVec x) {
  __m256i sum =
      _mm256_add_epi16(acc.raw, _mm256_maddubs_epi16(codes.raw, x.raw));
  // No instruction: keeps GCC from turning the chain of sums into a tree, whose
  // many temporaries do not fit the registers.
  asm("" : "+x"(sum));
  return IntVec{sum};
}
// 32-bit sums of what at most 8 calls of DotU4 accumulated, added to `sums`.
HWY_INLINE IntVec AddU4Sums(IntVec sums, IntVec acc) {
  return IntVec{_mm256_add_epi32(
      sums.raw, _mm256_madd_epi16(acc.raw, _mm256_set1_epi16(1)))};
}

struct S8Weights {
  IntVec codes;
  IntVec magnitudes;
};
HWY_INLINE S8Weights PrepareS8(IntVec codes) {
  return {codes, IntVec{_mm256_abs_epi8(codes.raw)}};
}
// acc += weights * x, the sign moved from the weights to x since the
// instruction wants one unsigned operand.  Pairs stay below 2 * 128 * 127.
HWY_INLINE IntVec DotS8(IntVec acc, const S8Weights& weights, IntVec x) {
  const __m256i signed_x = _mm256_sign_epi8(x.raw, weights.codes.raw);
  const __m256i pairs = _mm256_maddubs_epi16(weights.magnitudes.raw, signed_x);
  return IntVec{_mm256_add_epi32(
      acc.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
}

#else  // AVX-512 with VNNI

inline constexpr int kTileTokens = 8;
inline constexpr int kS8Offset = 128;

// acc += u * s, unsigned by signed.  As assembly, because Highway 1.0's AVX3_DL
// does not switch on the compiler flag that the intrinsic asks for.
HWY_INLINE IntVec DotU8S8(IntVec acc, IntVec u, IntVec s) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc.raw) : "v"(u.raw), "v"(s.raw));
  return acc;
}

HWY_INLINE IntVec DotU4(IntVec acc, IntVec codes, IntVec x) {
  return DotU8S8(acc, codes, x);
}
HWY_INLINE IntVec AddU4Sums(IntVec sums, IntVec acc) {
  return hn::Add(sums, acc);
}

using S8Weights = IntVec;  // Codes + 128, unsigned.
HWY_INLINE S8Weights PrepareS8(IntVec codes) {
  return hn::Xor(codes, hn::Set(IntTag(), static_cast<int32_t>(0x80808080u)));
}
HWY_INLINE IntVec DotS8(IntVec acc, S8Weights weights, IntVec x) {
  return DotU8S8(acc, weights, x);
}

#endif  // HWY_TARGET

// The four codes at `codes` in every lane.
HWY_INLINE IntVec BroadcastCodes(const int8_t* codes) {
  int32_t four;
  std::memcpy(&four, codes, sizeof(four));
  return hn::Set(IntTag(), four);
}

HWY_INLINE IntVec LoadBytes(const uint8_t* bytes) {
  const hn::Repartition<uint8_t, IntTag> du8;
  return hn::BitCast(IntTag(), hn::LoadU(du8, bytes));
}

HWY_INLINE FloatVec LoadFloatBytes(const uint8_t* bytes) {
  return hn::BitCast(FloatTag(), LoadBytes(bytes));
}

// Writes the lanes that are rows of the matrix: `rows_left` of them, or all.
HWY_INLINE void StoreRows(FloatVec values, int64_t rows_left, float* out) {
  if (HWY_LIKELY(rows_left >= kLanes)) {
    hn::StoreU(values, FloatTag(), out);
    return;
  }
  HWY_ALIGN float lanes[kLanes];
  hn::Store(values, FloatTag(), lanes);
  for (int64_t i = 0; i < rows_left; ++i) out[i] = lanes[i];
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#endif  // OUNCE_KERNELS_SIMD_DOT_INL_H_
