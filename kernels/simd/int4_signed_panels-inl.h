// Prompts over int4 codes with integer group scales on AVX2: panels of signed
// codes against unsigned activations.
//
// `maddubs` multiplies unsigned by signed bytes, and only the signed ones may
// come from memory.  So here the weights are: code - 8, a byte each, against
// x + 128.  A sum of 32 columns then fits 16 bits without a start (16 products
// of at most 8 * 255 are 32640), and as a weight needs no instruction to be
// loaded, a tile is one token by three row blocks: its sums, 16-bit and 32-bit,
// are all in registers.  What the 128 adds to a row does not depend on the
// token: the same product with a token of ones, times 128, is subtracted.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_INT4_SIGNED_PANELS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_INT4_SIGNED_PANELS_INL_H_
#undef OUNCE_KERNELS_SIMD_INT4_SIGNED_PANELS_INL_H_
#else
#define OUNCE_KERNELS_SIMD_INT4_SIGNED_PANELS_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int4_tiles-inl.h"

#if OUNCE_SIMD_TARGET && HWY_TARGET == HWY_AVX2
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

// Row blocks of a tile.
inline constexpr int kSignedBlocks = 3;
// Spans of a panel: 18 kB of weights and 2 kB of scales, with which the
// first-level cache has room for activations.
inline constexpr int64_t kSignedSpans = 12;
// Tokens that pass over a panel before it is unpacked again for the next ones.
inline constexpr int64_t kSignedTokens = 512;

// Some spans of kParts vectors of rows.
template <int kParts>
struct SignedPanel {
  struct Span {
    __m256i weights[kSumCols / 4][kParts];  // Code - 8, four columns a lane.
    __m256i scales[kParts];                 // In both halves of a lane.
  };
  Span spans[kSignedSpans];
};

// One step of a tile: four columns of one token, in every lane of `x`, by those
// of kParts vectors of rows.  The first step of a span needs no sums.
template <bool kFirst, int kParts>
HWY_INLINE void MultiplyStep(const __m256i (&weights)[kParts], __m256i x,
                             __m256i (&acc)[kParts]) {
  // Two products, then two additions: the CPU spreads them over its units more
  // evenly than pair after pair.
#pragma GCC unroll 3
  for (int p = 0; p < kParts; p += 2) {
    const __m256i a = _mm256_maddubs_epi16(x, weights[p]);
    const __m256i b = _mm256_maddubs_epi16(x, weights[p + 1]);
    acc[p] = kFirst ? a : _mm256_add_epi16(acc[p], a);
    acc[p + 1] = kFirst ? b : _mm256_add_epi16(acc[p + 1], b);
    // No instruction: keeps GCC from turning the chains into trees.
    asm("" : "+x"(acc[p]), "+x"(acc[p + 1]));
  }
}

// sums += group scales times the products of one token and `spans` spans.
template <int kParts>
HWY_INLINE void AddSignedSpans(const SignedPanel<kParts>& panel, int64_t spans,
                               const uint8_t* x, __m256i (&sums)[kParts]) {
  for (int64_t s = 0; s < spans; ++s) {
    const auto& span = panel.spans[s];
    __m256i acc[kParts];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      // Loads are scarce, shuffles are not: one of 16 columns.
      const __m256i x16 = _mm256_broadcastsi128_si256(_mm_loadu_si128(
          reinterpret_cast<const __m128i*>(x + half * kSumCols / 2)));
      const auto* weights = &span.weights[4 * half];
      if (half == 0) {
        MultiplyStep<true>(weights[0], _mm256_shuffle_epi32(x16, 0x00), acc);
      } else {
        MultiplyStep<false>(weights[0], _mm256_shuffle_epi32(x16, 0x00), acc);
      }
      MultiplyStep<false>(weights[1], _mm256_shuffle_epi32(x16, 0x55), acc);
      MultiplyStep<false>(weights[2], _mm256_shuffle_epi32(x16, 0xAA), acc);
      MultiplyStep<false>(weights[3], _mm256_shuffle_epi32(x16, 0xFF), acc);
    }
#pragma GCC unroll 6
    for (int p = 0; p < kParts; ++p) {
      sums[p] =
          _mm256_add_epi32(sums[p], _mm256_madd_epi16(acc[p], span.scales[p]));
    }
    x += kSumCols;
  }
}

// The products of kBlocks row blocks with some tokens.  `Product` is as in
// int4_tiles-inl.h, its sums 32-bit integers; `LoadGroupScales(blocks, group,
// part)` gives its group scales.
template <class Product, int kBlocks>
class SignedTiles {
 public:
  using Blocks = Int4Blocks<typename Product::Layout>;

  SignedTiles(const Blocks& blocks, const QuantizedRows& x,
              MatrixView<float> out)
      : blocks_(blocks), x_(x), out_(out) {}

  // Tokens [begin, end), at most kSignedTokens.
  void Multiply(int64_t begin, int64_t end) {
    const int64_t num_spans = blocks_.layout->padded_cols / kSumCols;
    std::fill(&offsets_[0], &offsets_[kParts], _mm256_setzero_si256());
    std::fill(&carried_[0][0], &carried_[end - begin][0],
              _mm256_setzero_si256());
    for (int64_t span = 0; span < num_spans; span += kSignedSpans) {
      const int64_t span_end = std::min(num_spans, span + kSignedSpans);
      Unpack(span, span_end);
      if (span_end == num_spans) {
        MultiplyTokens</*kLast=*/true>(begin, end, span, span_end);
      } else {
        MultiplyTokens</*kLast=*/false>(begin, end, span, span_end);
      }
    }
  }

 private:
  static constexpr int kParts = kBlocks * kBlockParts;

  void Unpack(int64_t begin, int64_t end) {
    const __m256i zero_point = _mm256_set1_epi8(8);
    for (int64_t s = begin; s < end; ++s) {
      auto& span = panel_.spans[s - begin];
      for (int p = 0; p < kParts; ++p) {
        const uint8_t* packed = blocks_.BlockOf(p) + s * kSpanBytes;
        for (int64_t c = 0; c < kSumCols; c += 4) {
          span.weights[c / 4][p] = _mm256_sub_epi8(
              LoadCodes<CodeForm::kPacked>(packed, c / 8 * 8, c % 8, p).raw,
              zero_point);
        }
        span.scales[p] = Dot<Isa::kAvx2>::PrepareScales(
                             Product::LoadGroupScales(
                                 blocks_, s * kSumCols / blocks_.group_size, p))
                             .raw;
      }
    }
    AddSignedSpans(panel_, end - begin, kOnes.data(), offsets_);
  }

  template <bool kLast>
  HWY_NOINLINE void MultiplyTokens(int64_t begin, int64_t end,
                                   int64_t first_span, int64_t span_end) {
    const uint8_t* x =
        x_.unsigned_codes + begin * x_.stride + first_span * kSumCols;
    for (int64_t token = begin; token < end; ++token, x += x_.stride) {
      for (int64_t s = 0; s < span_end - first_span; s += 2) {
        __builtin_prefetch(x + x_.stride + s * kSumCols);
      }
      // Rows of `out` lie far apart: their cache lines are slow to come.
      for (int p = 0; kLast && p < kParts; p += kBlockParts) {
        __builtin_prefetch(out_.row(token) + blocks_.row + p * kLanes,
                           /*rw=*/1);
      }
      __m256i* carried = carried_[token - begin];
      __m256i sums[kParts];
#pragma GCC unroll 6
      for (int p = 0; p < kParts; ++p) sums[p] = carried[p];
      AddSignedSpans(panel_, span_end - first_span, x, sums);
      if (kLast) {
        Store(token, sums);
        continue;
      }
#pragma GCC unroll 6
      for (int p = 0; p < kParts; ++p) carried[p] = sums[p];
    }
  }

  HWY_INLINE void Store(int64_t token, const __m256i (&sums)[kParts]) const {
#pragma GCC unroll 6
    for (int p = 0; p < kParts; ++p) {
      const IntVec sum{
          _mm256_sub_epi32(sums[p], _mm256_slli_epi32(offsets_[p], 7))};
      const int64_t lane = p * kLanes;
      StoreRows(Product::Finish(blocks_, p, sum, x_.scales[token]),
                blocks_.rows_left - lane, out_.row(token) + blocks_.row + lane);
    }
  }

  static constexpr std::array<uint8_t, kSignedSpans* kSumCols> kOnes = [] {
    std::array<uint8_t, kSignedSpans* kSumCols> ones = {};
    ones.fill(1);
    return ones;
  }();

  const Blocks& blocks_;
  const QuantizedRows& x_;
  const MatrixView<float> out_;
  __m256i offsets_[kParts];  // The products with a token of ones so far.
  SignedPanel<kParts> panel_;
  __m256i carried_[kSignedTokens][kParts];  // The sums so far.
};

template <class Product, int kBlocks>
void MultiplySigned(const Int4Blocks<typename Product::Layout>& blocks,
                    const QuantizedRows& x, MatrixView<float> out) {
  SignedTiles<Product, kBlocks> tiles(blocks, x, out);
  for (int64_t begin = 0; begin < x.tokens; begin += kSignedTokens) {
    tiles.Multiply(begin, std::min(x.tokens, begin + kSignedTokens));
  }
}

// A MatMulKernel's work, given unsigned activations.
template <class Product>
void MultiplySignedPanels(const MatMulInput& x, const PackedMatrix& w,
                          int64_t row_begin, int64_t row_end,
                          MatrixView<float> out) {
  const typename Product::Layout layout = Product::LayoutOf(w);
  int64_t num_blocks = 0;
  for (int64_t row = row_begin; row < row_end; row += num_blocks * kRowBlock) {
    const Int4Blocks<typename Product::Layout> blocks = {
        w.data + row / kRowBlock * layout.block_bytes, &layout, w.group_size,
        row, row_end - row};
    const int64_t left = DivideUp(blocks.rows_left, kRowBlock);
    // Rather two and two than three and one.
    num_blocks = left == 4 ? 2 : std::min<int64_t>(left, kSignedBlocks);
    switch (num_blocks) {
      case 1:
        MultiplySigned<Product, 1>(blocks, x.quantized, out);
        break;
      case 2:
        MultiplySigned<Product, 2>(blocks, x.quantized, out);
        break;
      default:
        MultiplySigned<Product, kSignedBlocks>(blocks, x.quantized, out);
    }
  }
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET && HWY_TARGET == HWY_AVX2

#endif  // OUNCE_KERNELS_SIMD_INT4_SIGNED_PANELS_INL_H_
