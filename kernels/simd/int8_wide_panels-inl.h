// Prompts over int8 codes on AVX2: panels of codes widened to 16 bits.
//
// Without VNNI a product of bytes takes four instructions (one operand's sign
// moved to the other, `maddubs`, `madd` with ones, an addition).  Of 16-bit
// codes it takes `madd` and an addition for half as many columns: four as well,
// but the weights come from memory as operands, nothing is left to prepare, and
// a tile of one token by two row blocks has all its sums in registers.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_INT8_WIDE_PANELS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_INT8_WIDE_PANELS_INL_H_
#undef OUNCE_KERNELS_SIMD_INT8_WIDE_PANELS_INL_H_
#else
#define OUNCE_KERNELS_SIMD_INT8_WIDE_PANELS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "core/checked.h"
#include "hwy/highway.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int8_block-inl.h"

#if OUNCE_SIMD_TARGET && HWY_TARGET == HWY_AVX2
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

// Row blocks of a tile.
inline constexpr int kWideBlocks = 2;
// Groups of kSumCols columns of a panel: 16 kB of weights, with which the
// first-level cache has room for activations and sums.
inline constexpr int64_t kWideGroups = 8;
// Tokens that pass over a panel before it is widened again for the next ones:
// their codes stay in the second-level cache from panel to panel.
inline constexpr int64_t kWideTokens = 128;
// From this many tokens on the weights are worth widening.
inline constexpr int64_t kMinWideTokens = 32;

inline constexpr int kGroupChunks = static_cast<int>(kSumCols / 4);

// Columns 0 and 2 of the four of each lane, and columns 1 and 3.
struct WideCodes {
  __m256i even;
  __m256i odd;
};

HWY_INLINE WideCodes Widen(__m256i codes) {
  return {_mm256_srai_epi16(_mm256_slli_epi16(codes, 8), 8),
          _mm256_srai_epi16(codes, 8)};
}

// One group's weights of kParts vectors of rows, by chunk of four columns.
template <int kParts>
struct WideGroup {
  __m256i even[kGroupChunks][kParts];
  __m256i odd[kGroupChunks][kParts];
};

// One token's codes of one group, a chunk a lane.
struct alignas(32) WideToken {
  int32_t even[kGroupChunks];
  int32_t odd[kGroupChunks];
};

// One step: two columns of one token by those of kParts vectors of rows.
template <bool kFirst, int kParts>
HWY_INLINE void MultiplyWideStep(const __m256i (&weights)[kParts], int32_t x,
                                 __m256i (&acc)[kParts]) {
  const __m256i codes = _mm256_set1_epi32(x);
#pragma GCC unroll 4
  for (int p = 0; p < kParts; ++p) {
    const __m256i product = _mm256_madd_epi16(codes, weights[p]);
    acc[p] = kFirst ? product : _mm256_add_epi32(acc[p], product);
    // No instruction: keeps GCC from turning the chains into trees.
    asm("" : "+x"(acc[p]));
  }
}

template <int kParts>
HWY_INLINE void MultiplyWideGroup(const WideGroup<kParts>& group,
                                  const WideToken& x, __m256i (&acc)[kParts]) {
  MultiplyWideStep<true>(group.even[0], x.even[0], acc);
#pragma GCC unroll 8
  for (int chunk = 1; chunk < kGroupChunks; ++chunk) {
    MultiplyWideStep<false>(group.even[chunk], x.even[chunk], acc);
  }
#pragma GCC unroll 8
  for (int chunk = 0; chunk < kGroupChunks; ++chunk) {
    MultiplyWideStep<false>(group.odd[chunk], x.odd[chunk], acc);
  }
}

// The products of kBlocks row blocks with tokens that have a scale per group.
template <int kBlocks>
class WideTiles {
 public:
  WideTiles(const Int8Block& block, const QuantizedRows& x,
            MatrixView<float> out)
      : block_(block), x_(x), out_(out) {}

  // Tokens [begin, end), at most kWideTokens.
  void Multiply(int64_t begin, int64_t end) {
    const int64_t groups = DivideUp(block_.layout->padded_cols, kSumCols);
    std::fill(&carried_[0][0], &carried_[end - begin][0], _mm256_setzero_ps());
    for (int64_t group = 0; group < groups; group += kWideGroups) {
      const int64_t group_end = std::min(groups, group + kWideGroups);
      for (int64_t g = group; g < group_end; ++g) {
        Unpack(g, &panel_[g - group]);
      }
      MultiplyTokens(begin, end, group, group_end);
    }
    for (int64_t token = begin; token < end; ++token) {
      Store(token, carried_[token - begin]);
    }
  }

 private:
  static constexpr int kParts = kBlocks * kBlockParts;

  void Unpack(int64_t group, WideGroup<kParts>* out) const {
    const int64_t chunks = block_.layout->padded_cols / 4;
    for (int i = 0; i < kGroupChunks; ++i) {
      const int64_t chunk = group * kGroupChunks + i;
      for (int p = 0; p < kParts; ++p) {
        __m256i codes = _mm256_setzero_si256();
        if (chunk < chunks) {
          codes = LoadBytes(block_.data +
                            p / kBlockParts * block_.layout->block_bytes +
                            chunk * kChunkBytes + p % kBlockParts * kLanes * 4)
                      .raw;
        }
        const WideCodes wide = Widen(codes);
        out->even[i][p] = wide.even;
        out->odd[i][p] = wide.odd;
      }
    }
  }

  // One token's codes of the groups [first, last).
  void WidenToken(int64_t token, int64_t first, int64_t last,
                  WideToken* out) const {
    const int8_t* codes = x_.codes + token * x_.stride;
    for (int64_t g = first; g < last; ++g, ++out) {
      const WideCodes wide = Widen(_mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(codes + g * kSumCols)));
      _mm256_store_si256(reinterpret_cast<__m256i*>(out->even), wide.even);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out->odd), wide.odd);
    }
  }

  // Adds the groups [first, last) of the tokens [begin, end).
  HWY_NOINLINE void MultiplyTokens(int64_t begin, int64_t end, int64_t first,
                                   int64_t last) {
    // Widened a token ahead: by the time they are read they are in the cache,
    // and need not be taken from stores under way.
    WideToken x[2][kWideGroups];
    WidenToken(begin, first, last, x[begin % 2]);
    for (int64_t token = begin; token < end; ++token) {
      if (token + 1 < end) {
        WidenToken(token + 1, first, last, x[(token + 1) % 2]);
      }
      // Rows of activations lie far apart: their cache lines are slow to come.
      for (int64_t c = first * kSumCols; c < last * kSumCols; c += 64) {
        __builtin_prefetch(x_.codes + (token + 2) * x_.stride + c);
      }
      const float* scales = x_.scales + token * (x_.stride / kSumCols);
      __m256* carried = carried_[token - begin];
      __m256 sums[kParts];
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) sums[p] = carried[p];
      for (int64_t g = first; g < last; ++g) {
        __m256i acc[kParts];
        MultiplyWideGroup(panel_[g - first], x[token % 2][g - first], acc);
        const __m256 scale = _mm256_set1_ps(scales[g]);
#pragma GCC unroll 4
        for (int p = 0; p < kParts; ++p) {
          sums[p] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(acc[p]), sums[p]);
        }
      }
#pragma GCC unroll 4
      for (int p = 0; p < kParts; ++p) carried[p] = sums[p];
    }
  }

  void Store(int64_t token, const __m256 (&sums)[kParts]) const {
    for (int p = 0; p < kParts; ++p) {
      const FloatVec scales = LoadFloatBytes(
          block_.data + p / kBlockParts * block_.layout->block_bytes +
          block_.layout->scales_offset + p % kBlockParts * kLanes * 4);
      const int64_t lane = p * kLanes;
      StoreRows(hn::Mul(FloatVec{sums[p]}, scales), block_.rows_left - lane,
                out_.row(token) + block_.row + lane);
    }
  }

  const Int8Block& block_;
  const QuantizedRows& x_;
  const MatrixView<float> out_;
  WideGroup<kParts> panel_[kWideGroups];
  __m256 carried_[kWideTokens][kParts];  // The sums so far.
};

template <int kBlocks>
void MultiplyWide(const Int8Block& block, const QuantizedRows& x,
                  MatrixView<float> out) {
  WideTiles<kBlocks> tiles(block, x, out);
  for (int64_t begin = 0; begin < x.tokens; begin += kWideTokens) {
    tiles.Multiply(begin, std::min(x.tokens, begin + kWideTokens));
  }
}

// A MatMulKernel's work with the codec kInt8ActivationGroups.
inline void MultiplyWidePanels(const QuantizedRows& x, const PackedMatrix& w,
                               int64_t row_begin, int64_t row_end,
                               MatrixView<float> out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  constexpr int64_t kTileRows = kWideBlocks * kRowBlock;
  for (int64_t row = row_begin; row < row_end; row += kTileRows) {
    const Int8Block block = {w.data + row / kRowBlock * layout.block_bytes,
                             &layout, row, row_end - row};
    if (block.rows_left > kRowBlock) {
      MultiplyWide<kWideBlocks>(block, x, out);
    } else {
      MultiplyWide<1>(block, x, out);
    }
  }
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET && HWY_TARGET == HWY_AVX2

#endif  // OUNCE_KERNELS_SIMD_INT8_WIDE_PANELS_INL_H_
