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
#include <type_traits>

#include "core/packing/packed_matrix.h"
#include "hwy/highway.h"
#include "kernels/isa.h"

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

// The dot products of one instruction set, all exact:
//   kS8Tokens    the most tokens of a tile of an int8 product, which takes all
//                parts of the row block
//   kU4Tokens, kU4Sums
//                the most tokens of a tile of an int4 product, and the most
//                sums (tokens times parts): what the registers hold beside
//                weights
//   kU4FloatTokens, kU4FloatSums
//                the same of one that also keeps its sums as floats
//   kS8FloatTokens, kS8FloatSums
//                the same of an int8 product that does
//   U4           acc += codes (0..15) * x (-127..127); 8 calls from ZeroU4() on
//   SumU4        adds to `sums` what these calls accumulated
//   OffsetU4     in place of ZeroU4: 8 calls accumulate (codes - 8) * x, given
//                the entry of QuantizedRows::sums for all 32 x
//   PrepareScales, AddScaledU4
//                add the scales (int8) times what these calls accumulated
//   PrepareS8    turns weights (-128..127) into what S8 takes
//   kS8Offset    what that adds to every weight
//   S8           acc += weights * x (-127..127)
// Instructions that no target of Highway 1.0 stands for are written as assembly
// in the target that they extend: its products are compiled for both and differ
// in this parameter alone.
template <Isa kIsa>
struct Dot;

// Whether an instruction set multiplies pairs of rows with pairs of tokens,
// eight columns deep.  Its Dot also has
//   LoadPair     eight codes of either token of a pair
//   MultiplyPair acc += codes of two rows * such a pair, as [row][token]
template <Isa kIsa>
inline constexpr bool kMultipliesPairs = false;

// One part's sums of two tokens are two vectors.  Where they are made in pairs,
// the first holds rows 0 and 1, the second rows 2 and 3, of both tokens.
template <Isa kIsa, int kTokens>
inline constexpr bool kInPairs = kMultipliesPairs<kIsa>&& kTokens % 2 == 0;

// U4Acc of the instruction sets that add four products to a 32-bit sum at once.
struct WideU4 {
  using U4Acc = IntVec;
  static HWY_INLINE U4Acc ZeroU4() { return hn::Zero(IntTag()); }
  static HWY_INLINE IntVec SumU4(IntVec sums, U4Acc acc) {
    return hn::Add(sums, acc);
  }
};

#if HWY_TARGET == HWY_AVX2

inline constexpr Isa kBaseIsa = Isa::kAvx2;
inline constexpr Isa kExtendedIsa = Isa::kAvxVnni;

template <>
struct Dot<Isa::kAvx2> {
  static constexpr int kS8Tokens = 8;
  static constexpr int kU4Tokens = 6;
  static constexpr int kU4Sums = 12;
  static constexpr int kU4FloatTokens = 4;
  static constexpr int kU4FloatSums = 8;
  static constexpr int kS8FloatTokens = 4;
  static constexpr int kS8FloatSums = 8;
  static constexpr int kS8Offset = 0;

  using U4Acc = IntVec;
  static HWY_INLINE U4Acc ZeroU4() { return hn::Zero(IntTag()); }
  // In 16-bit sums of two products each, exact for 8 calls:
  // 8 * 2 * 15 * 127 = 30480.
  static HWY_INLINE U4Acc U4(U4Acc acc, IntVec codes, IntVec x) {
    __m256i sum =
        _mm256_add_epi16(acc.raw, _mm256_maddubs_epi16(codes.raw, x.raw));
    // No instruction: keeps GCC from turning the chain of sums into a tree,
    // whose many temporaries do not fit the registers.
    asm("" : "+x"(sum));
    return IntVec{sum};
  }
  static HWY_INLINE IntVec SumU4(IntVec sums, U4Acc acc) {
    return IntVec{_mm256_add_epi32(
        sums.raw, _mm256_madd_epi16(acc.raw, _mm256_set1_epi16(1)))};
  }

  // Into the lower of a lane's two 16-bit sums.  Of its own 16 columns it then
  // has (codes - 8) * x, of the others -8 * x: within 2 * 16 * 8 * 127 = 32512,
  // and sums on the way may wrap around.
  static HWY_INLINE U4Acc OffsetU4(int32_t entry) {
    return hn::Set(IntTag(), entry);
  }
  // The scale in both halves of its lane.
  static HWY_INLINE IntVec PrepareScales(IntVec scales) {
    return IntVec{_mm256_blend_epi16(scales.raw,
                                     _mm256_slli_epi32(scales.raw, 16), 0xAA)};
  }
  static HWY_INLINE IntVec AddScaledU4(IntVec sums, U4Acc acc, IntVec scales) {
    return IntVec{
        _mm256_add_epi32(sums.raw, _mm256_madd_epi16(acc.raw, scales.raw))};
  }

  struct S8Weights {
    IntVec codes;
    IntVec magnitudes;
  };
  static HWY_INLINE S8Weights PrepareS8(IntVec codes) {
    return {codes, IntVec{_mm256_abs_epi8(codes.raw)}};
  }
  // The sign moved from the weights to x since the instruction wants one
  // unsigned operand.  Pairs stay below 2 * 128 * 127.
  static HWY_INLINE IntVec S8(IntVec acc, const S8Weights& weights, IntVec x) {
    const __m256i signed_x = _mm256_sign_epi8(x.raw, weights.codes.raw);
    const __m256i pairs =
        _mm256_maddubs_epi16(weights.magnitudes.raw, signed_x);
    return IntVec{_mm256_add_epi32(
        acc.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
  }
};

#elif HWY_TARGET == HWY_AVX3_DL

inline constexpr Isa kBaseIsa = Isa::kAvx512Vnni;
inline constexpr Isa kExtendedIsa = kBaseIsa;

#else  // NEON

inline constexpr Isa kBaseIsa = Isa::kNeon;
inline constexpr Isa kExtendedIsa = Isa::kNeonDot;

template <>
struct Dot<Isa::kNeon> {
  static constexpr int kS8Tokens = 4;
  static constexpr int kU4Tokens = 4;
  static constexpr int kU4Sums = 4;
  static constexpr int kU4FloatTokens = 4;
  static constexpr int kU4FloatSums = 4;
  static constexpr int kS8FloatTokens = 4;
  static constexpr int kS8FloatSums = 4;
  static constexpr int kS8Offset = 0;

  // 16-bit sums of one product each, exact for 8 calls: 8 * 15 * 127 = 15240.
  struct U4Acc {
    int16x8_t lower;
    int16x8_t upper;
  };
  static HWY_INLINE U4Acc ZeroU4() { return {vdupq_n_s16(0), vdupq_n_s16(0)}; }
  static HWY_INLINE U4Acc U4(U4Acc acc, IntVec codes, IntVec x) {
    const int8x16_t a = vreinterpretq_s8_s32(codes.raw);
    const int8x16_t b = vreinterpretq_s8_s32(x.raw);
    return {vmlal_s8(acc.lower, vget_low_s8(a), vget_low_s8(b)),
            vmlal_high_s8(acc.upper, a, b)};
  }
  static HWY_INLINE IntVec SumU4(IntVec sums, U4Acc acc) {
    return IntVec{vaddq_s32(
        sums.raw, vpaddq_s32(vpaddlq_s16(acc.lower), vpaddlq_s16(acc.upper)))};
  }

  // A quarter of the offset in each of a row's four sums: of its own columns a
  // sum has (codes - 2) * x, of the others -2 * x, within 8 * (13 + 3 * 2) *
  // 127 = 19304.
  static HWY_INLINE U4Acc OffsetU4(int32_t entry) {
    const int16x8_t start =
        vshrq_n_s16(vdupq_n_s16(static_cast<int16_t>(entry)), 2);
    return {start, start};
  }
  static HWY_INLINE IntVec PrepareScales(IntVec scales) { return scales; }
  static HWY_INLINE IntVec AddScaledU4(IntVec sums, U4Acc acc, IntVec scales) {
    return IntVec{
        vmlaq_s32(sums.raw, SumU4(hn::Zero(IntTag()), acc).raw, scales.raw)};
  }

  using S8Weights = IntVec;
  static HWY_INLINE S8Weights PrepareS8(IntVec codes) { return codes; }
  // Pairs in 16 bits stay within 2 * 128 * 127 = 32512.
  static HWY_INLINE IntVec S8(IntVec acc, S8Weights weights, IntVec x) {
    const int8x16_t a = vreinterpretq_s8_s32(weights.raw);
    const int8x16_t b = vreinterpretq_s8_s32(x.raw);
    const int16x8_t pairs = vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)),
                                       vmull_high_s8(a, b));
    return IntVec{vpadalq_s16(acc.raw, pairs)};
  }
};

template <>
struct Dot<Isa::kNeonDot> : WideU4 {
  static constexpr int kS8Tokens = 4;
  static constexpr int kU4Tokens = 4;
  static constexpr int kU4Sums = 8;
  static constexpr int kU4FloatTokens = 4;
  static constexpr int kU4FloatSums = 8;
  static constexpr int kS8FloatTokens = 4;
  static constexpr int kS8FloatSums = 8;
  static constexpr int kS8Offset = 0;

  static HWY_INLINE IntVec U4(IntVec acc, IntVec codes, IntVec x) {
    return S8(acc, codes, x);
  }

  static HWY_INLINE U4Acc OffsetU4(int32_t entry) {
    return hn::Set(IntTag(), static_cast<int16_t>(entry));
  }
  static HWY_INLINE IntVec PrepareScales(IntVec scales) { return scales; }
  static HWY_INLINE IntVec AddScaledU4(IntVec sums, U4Acc acc, IntVec scales) {
    return IntVec{vmlaq_s32(sums.raw, acc.raw, scales.raw)};
  }

  using S8Weights = IntVec;
  static HWY_INLINE S8Weights PrepareS8(IntVec codes) { return codes; }
  static HWY_INLINE IntVec S8(IntVec acc, S8Weights weights, IntVec x) {
    // Tells the assembler what the compiler is not told; +crypto is Highway's.
    asm(".arch armv8.4-a+crypto\n\tsdot %0.4s, %1.16b, %2.16b"
        : "+w"(acc.raw)
        : "w"(weights.raw), "w"(x.raw));
    return acc;
  }
};

// The matrix products of ARMv8.6, optional as of 8.2.
template <>
inline constexpr bool kMultipliesPairs<Isa::kNeonI8mm> = true;

template <>
struct Dot<Isa::kNeonI8mm> : Dot<Isa::kNeonDot> {
  static HWY_INLINE IntVec LoadPair(const int8_t* first, const int8_t* second) {
    return IntVec{
        vreinterpretq_s32_s8(vcombine_s8(vld1_s8(first), vld1_s8(second)))};
  }
  static HWY_INLINE IntVec MultiplyPair(IntVec acc, IntVec rows, IntVec x) {
    asm(".arch armv8.6-a+crypto\n\tsmmla %0.4s, %1.16b, %2.16b"
        : "+w"(acc.raw)
        : "w"(rows.raw), "w"(x.raw));
    return acc;
  }
};

#endif  // HWY_TARGET

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3_DL

// AVX-VNNI and AVX-512 VNNI: one instruction in two encodings, as assembly also
// for AVX-512, because Highway 1.0's AVX3_DL does not switch on the compiler
// flag that the intrinsic asks for.
template <>
struct Dot<kExtendedIsa> : WideU4 {
#if HWY_TARGET == HWY_AVX2
  static constexpr int kS8Tokens = 6;
  static constexpr int kU4Tokens = 3;
  static constexpr int kU4Sums = 6;
  static constexpr int kU4FloatTokens = 3;
  static constexpr int kU4FloatSums = 6;
  static constexpr int kS8FloatTokens = 3;
  static constexpr int kS8FloatSums = 6;
#else
  static constexpr int kS8Tokens = 8;
  static constexpr int kU4Tokens = 8;
  static constexpr int kU4Sums = 8;
  static constexpr int kU4FloatTokens = 8;
  static constexpr int kU4FloatSums = 8;
  static constexpr int kS8FloatTokens = 8;
  static constexpr int kS8FloatSums = 8;
#endif
  static constexpr int kS8Offset = 128;

  // acc += u * s, unsigned by signed.
  static HWY_INLINE IntVec U8S8(IntVec acc, IntVec u, IntVec s) {
#if HWY_TARGET == HWY_AVX2
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc.raw) : "x"(u.raw), "x"(s.raw));
#else
    asm("vpdpbusd %2, %1, %0" : "+v"(acc.raw) : "v"(u.raw), "v"(s.raw));
#endif
    return acc;
  }

  static HWY_INLINE IntVec U4(IntVec acc, IntVec codes, IntVec x) {
    return U8S8(acc, codes, x);
  }

  static HWY_INLINE U4Acc OffsetU4(int32_t entry) {
    return hn::Set(IntTag(), static_cast<int16_t>(entry));
  }
  // The scale in the lower half of its lane, nothing in the upper.
  static HWY_INLINE IntVec PrepareScales(IntVec scales) {
    return hn::And(scales, hn::Set(IntTag(), 0xFFFF));
  }
  // The instruction adds the products of both 16-bit halves.  The lower half of
  // what 8 calls accumulate is all of it: 32 * 8 * 127 = 32512.
  static HWY_INLINE IntVec AddScaledU4(IntVec sums, U4Acc acc, IntVec scales) {
#if HWY_TARGET == HWY_AVX2
    asm("%{vex%} vpdpwssd %2, %1, %0"
        : "+x"(sums.raw)
        : "x"(acc.raw), "x"(scales.raw));
#else
    asm("vpdpwssd %2, %1, %0" : "+v"(sums.raw) : "v"(acc.raw), "v"(scales.raw));
#endif
    return sums;
  }

  using S8Weights = IntVec;  // Codes + 128, unsigned.
  static HWY_INLINE S8Weights PrepareS8(IntVec codes) {
    return hn::Xor(codes, hn::Set(IntTag(), static_cast<int32_t>(0x80808080u)));
  }
  static HWY_INLINE IntVec S8(IntVec acc, S8Weights weights, IntVec x) {
    return U8S8(acc, weights, x);
  }
};

#endif  // x86-64

// Calls choose(std::integral_constant<Isa, ...>()) with `isa`, one of those
// that this target's code serves.
template <class Choose>
HWY_INLINE auto ForIsa(Isa isa, Choose choose) {
#if HWY_TARGET == HWY_NEON
  if (isa == Isa::kNeonI8mm) {
    return choose(std::integral_constant<Isa, Isa::kNeonI8mm>());
  }
#endif
  return isa == kBaseIsa ? choose(std::integral_constant<Isa, kBaseIsa>())
                         : choose(std::integral_constant<Isa, kExtendedIsa>());
}

// What belongs to a part's rows, as the sums of token `t` of a tile have them.
template <bool kPairs, class V>
HWY_INLINE V ByRow(V rows, int t) {
  if constexpr (!kPairs) return rows;
  return t % 2 == 0 ? hn::InterleaveLower(hn::DFromV<V>(), rows, rows)
                    : hn::InterleaveUpper(hn::DFromV<V>(), rows, rows);
}

// The same of `value(t)`, which belongs to a token.
template <bool kPairs, class D, class Value>
HWY_INLINE hn::Vec<D> ByToken(D d, int t, Value value) {
  const auto own = hn::Set(d, value(t));
  if constexpr (!kPairs) return own;
  const auto other = hn::Set(d, value(t ^ 1));
  return t % 2 == 0 ? hn::InterleaveLower(d, own, other)
                    : hn::InterleaveLower(d, other, own);
}

// The rows' sums of each token of a pair from the vectors of [row][token].
template <class V>
HWY_INLINE void SplitPair(V& first, V& second) {
  const hn::DFromV<V> d;
  const V even = hn::ConcatEven(d, second, first);
  second = hn::ConcatOdd(d, second, first);
  first = even;
}

// Two rows' eight codes each from vectors of four rows' first and last four:
// rows 0 and 1 in `first`, 2 and 3 in `last`.
HWY_INLINE void JoinColumns(IntVec& first, IntVec& last) {
  const IntVec upper = hn::InterleaveUpper(IntTag(), first, last);
  first = hn::InterleaveLower(IntTag(), first, last);
  last = upper;
}

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
