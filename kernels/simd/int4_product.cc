// Products with int4 weights, straight from the packed layout: the codes are
// the unsigned operand of the dot product and the zero point is subtracted per
// group by way of the activations' sums.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int4_product.cc"
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/packing/int4.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int4_tiles-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

using Blocks = Int4Blocks<Int4BlockLayout>;

// Group `g`'s scales or zero points of the rows of one part.
HWY_INLINE FloatVec LoadScales(const Blocks& block, int64_t g, int part) {
  const hn::Rebind<hwy::float16_t, FloatTag> df16;
  const hn::Repartition<uint8_t, decltype(df16)> du8;
  const uint8_t* scales = block.BlockOf(part) + block.layout->scales_offset +
                          (g * kRowBlock + Blocks::RowOf(part)) * 2;
  return hn::PromoteTo(FloatTag(), hn::BitCast(df16, hn::LoadU(du8, scales)));
}

HWY_INLINE FloatVec LoadZeroPoints(const Blocks& block, int64_t g, int part) {
  if (block.layout->symmetric) {
    return hn::Set(FloatTag(), float{kInt4SymmetricZeroPoint});
  }
  constexpr uint64_t kNibbles = 0x0F0F0F0F0F0F0F0Fu;
  uint64_t packed;
  std::memcpy(&packed,
              block.BlockOf(part) + block.layout->zero_points_offset + g * 8,
              sizeof(packed));
  // The sixteen zero points as bytes in the order of the rows.
  const uint64_t halves[2] = {packed & kNibbles, (packed >> 4) & kNibbles};
  uint8_t bytes[kRowBlock];
  std::memcpy(bytes, halves, sizeof(bytes));
  const hn::Rebind<uint8_t, IntTag> du8;
  const auto codes = hn::LoadU(du8, bytes + Blocks::RowOf(part));
  return hn::ConvertTo(FloatTag(), hn::PromoteTo(IntTag(), codes));
}

// The integer part of one group: sum(code * x) into `sums`, sum(x) into
// `x_sums`.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void SumGroup(const uint8_t* weights, int64_t block_bytes,
                         const int8_t* const (&x)[kTokens],
                         const int32_t* const (&span_sums)[kTokens],
                         int64_t begin_span, int64_t end_span, bool prefetch,
                         IntVec (&sums)[kTokens][kParts],
                         int32_t (&x_sums)[kTokens]) {
  for (int t = 0; t < kTokens; ++t) {
    x_sums[t] = 0;
    for (int p = 0; p < kParts; ++p) sums[t][p] = hn::Zero(IntTag());
  }
  for (int64_t span = begin_span; span < end_span; ++span) {
    const uint8_t* span_weights = weights + span * kSpanBytes;
    if (prefetch) PrefetchSpan<kParts>(span_weights, block_bytes);
    typename Dot<kIsa>::U4Acc acc[kTokens][kParts];
    for (int t = 0; t < kTokens; ++t) {
      for (int p = 0; p < kParts; ++p) acc[t][p] = Dot<kIsa>::ZeroU4();
    }
    MultiplySpan<kIsa, kTokens, kParts>(span_weights, block_bytes, x,
                                        span * kSumCols, acc);
    for (int t = 0; t < kTokens; ++t) {
      x_sums[t] += span_sums[t][span];
      for (int p = 0; p < kParts; ++p) {
        sums[t][p] = Dot<kIsa>::SumU4(sums[t][p], acc[t][p]);
      }
    }
  }
}

// kTokens tokens by the rows of kParts parts from `first_part` on.  Groups of
// one span are told apart at compile time: they need fewer registers.
template <Isa kIsa, int kTokens, int kParts, bool kOneSpan>
HWY_NOINLINE void MultiplyTile(const Blocks& block, int first_part,
                               const QuantizedRows& x, int64_t token,
                               MatrixView<float> out) {
  const FloatTag df;
  const int8_t* codes[kTokens];
  const int32_t* span_sums[kTokens];
  FloatVec acc[kTokens][kParts];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    span_sums[t] = x.sums + (token + t) * (x.stride / kSumCols);
    for (int p = 0; p < kParts; ++p) acc[t][p] = hn::Zero(df);
  }
  const uint8_t* weights = block.data + first_part * kLanes * 4;
  const bool prefetch = ReadsFirst(first_part, x);
  const int64_t group_spans = kOneSpan ? 1 : block.group_size / kSumCols;
  const int64_t num_spans = block.layout->padded_cols / kSumCols;
  for (int64_t g = 0; g < block.layout->num_groups; ++g) {
    const int64_t begin = g * group_spans;
    const int64_t end =
        kOneSpan ? begin + 1 : std::min(num_spans, begin + group_spans);
    IntVec sums[kTokens][kParts];
    int32_t x_sums[kTokens];
    SumGroup<kIsa, kTokens, kParts>(weights, block.layout->block_bytes, codes,
                                    span_sums, begin, end, prefetch, sums,
                                    x_sums);
    for (int p = 0; p < kParts; ++p) {
      const FloatVec scales = LoadScales(block, g, first_part + p);
      const FloatVec zero_points = LoadZeroPoints(block, g, first_part + p);
      for (int t = 0; t < kTokens; ++t) {
        // Whole numbers below 2^24: the float subtraction is exact.
        const FloatVec x_sum = hn::ConvertTo(df, hn::Set(IntTag(), x_sums[t]));
        const FloatVec isum =
            hn::NegMulAdd(zero_points, x_sum, hn::ConvertTo(df, sums[t][p]));
        acc[t][p] = hn::MulAdd(scales, isum, acc[t][p]);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    const FloatVec x_scale = hn::Set(df, x.scales[token + t]);
    for (int p = 0; p < kParts; ++p) {
      const int64_t lane = (first_part + p) * kLanes;
      StoreRows(hn::Mul(acc[t][p], x_scale), block.rows_left - lane,
                out.row(token + t) + block.row + lane);
    }
  }
}

struct Int4Product {
  using Layout = Int4BlockLayout;

  template <Isa kIsa, int kTokens, int kParts>
  static void Multiply(const Blocks& block, int first_part,
                       const QuantizedRows& x, int64_t token,
                       MatrixView<float> out) {
    if (block.group_size == kSumCols) {
      MultiplyTile<kIsa, kTokens, kParts, true>(block, first_part, x, token,
                                                out);
    } else {
      MultiplyTile<kIsa, kTokens, kParts, false>(block, first_part, x, token,
                                                 out);
    }
  }
};

template <Isa kIsa>
void MatMulInt4(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  const Int4BlockLayout layout = GetInt4BlockLayout(
      w.cols, w.group_size, /*symmetric=*/w.codec == Codec::kInt4);
  MultiplyBlocks<kIsa, Int4Product>(layout, x, w, row_begin, row_end, out);
}

}  // namespace

void EnterInt4Products(KernelTable* table) {
  const MatMulKernel kernel =
      table->isa == kBaseIsa ? MatMulInt4<kBaseIsa> : MatMulInt4<kExtendedIsa>;
  table->matmul[static_cast<size_t>(Codec::kInt4)] = kernel;
  table->matmul[static_cast<size_t>(Codec::kInt4Asymmetric)] = kernel;
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddInt4Products(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterInt4Products(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
