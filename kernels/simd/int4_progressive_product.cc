// Products with int4 weights whose group scales are integers: integer sums from
// the codes to the end of the row.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int4_progressive_product.cc"
#include <cstdint>

#include "core/packing/int4_progressive.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int4_tiles-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

using Blocks = Int4Blocks<Int4ProgressiveBlockLayout>;

// Group `g`'s scales of the rows of one part.
HWY_INLINE IntVec LoadGroupScales(const Blocks& blocks, int64_t g, int part) {
  const hn::Rebind<int8_t, IntTag> di8;
  const uint8_t* scales = blocks.BlockOf(part) +
                          blocks.layout->group_scales_offset + g * kRowBlock +
                          Blocks::RowOf(part);
  return hn::PromoteTo(IntTag(),
                       hn::LoadU(di8, reinterpret_cast<const int8_t*>(scales)));
}

// isum of kTokens tokens and the rows of kParts parts.  Groups are taken span
// by span, whatever their size: the sum of a span fits 16 bits with the codes'
// offset in it, and its scale costs no more than a sum's widening does.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void SumSpans(const Blocks& blocks, int first_part,
                         const QuantizedRows& x, int64_t token,
                         IntVec (&sums)[kTokens][kParts]) {
  const int8_t* codes[kTokens];
  const int32_t* span_sums[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    span_sums[t] = x.sums + (token + t) * (x.stride / kSumCols);
    for (int p = 0; p < kParts; ++p) sums[t][p] = hn::Zero(IntTag());
  }
  const int64_t block_bytes = blocks.layout->block_bytes;
  const uint8_t* weights = blocks.data + first_part * kLanes * 4;
  const bool prefetch = ReadsFirst(first_part, x);
  // Group sizes are 32, 64 and 128: one, two and four spans.
  const int group_shift = static_cast<int>(blocks.group_size / kSumCols / 2);
  const int64_t num_spans = blocks.layout->padded_cols / kSumCols;
  for (int64_t span = 0; span < num_spans; ++span, weights += kSpanBytes) {
    if (prefetch) PrefetchSpan<kParts>(weights, block_bytes);
    typename Dot<kIsa>::U4Acc acc[kTokens][kParts];
    for (int t = 0; t < kTokens; ++t) {
      const auto start = Dot<kIsa>::OffsetU4(span_sums[t][span]);
      for (int p = 0; p < kParts; ++p) acc[t][p] = start;
    }
    MultiplySpan<kIsa, kTokens, kParts>(weights, block_bytes, codes,
                                        span * kSumCols, acc);
    for (int p = 0; p < kParts; ++p) {
      const IntVec scales = Dot<kIsa>::PrepareScales(
          LoadGroupScales(blocks, span >> group_shift, first_part + p));
      for (int t = 0; t < kTokens; ++t) {
        sums[t][p] = Dot<kIsa>::AddScaledU4(sums[t][p], acc[t][p], scales);
      }
    }
  }
}

template <Isa kIsa, int kTokens, int kParts>
HWY_NOINLINE void MultiplyTile(const Blocks& blocks, int first_part,
                               const QuantizedRows& x, int64_t token,
                               MatrixView<float> out) {
  const FloatTag df;
  IntVec sums[kTokens][kParts];
  SumSpans<kIsa, kTokens, kParts>(blocks, first_part, x, token, sums);
  for (int p = 0; p < kParts; ++p) {
    const int part = first_part + p;
    const FloatVec row_scales =
        LoadFloatBytes(blocks.BlockOf(part) + blocks.layout->row_scales_offset +
                       Blocks::RowOf(part) * int64_t{sizeof(float)});
    const int64_t lane = part * kLanes;
    for (int t = 0; t < kTokens; ++t) {
      const FloatVec scale =
          hn::Mul(hn::Set(df, x.scales[token + t]), row_scales);
      StoreRows(hn::Mul(scale, hn::ConvertTo(df, sums[t][p])),
                blocks.rows_left - lane,
                out.row(token + t) + blocks.row + lane);
    }
  }
}

struct Int4ProgressiveProduct {
  using Layout = Int4ProgressiveBlockLayout;

  template <Isa kIsa, int kTokens, int kParts>
  static void Multiply(const Blocks& blocks, int first_part,
                       const QuantizedRows& x, int64_t token,
                       MatrixView<float> out) {
    MultiplyTile<kIsa, kTokens, kParts>(blocks, first_part, x, token, out);
  }
};

template <Isa kIsa>
void MatMulInt4Progressive(const MatMulInput& x, const PackedMatrix& w,
                           int64_t row_begin, int64_t row_end,
                           MatrixView<float> out) {
  const Int4ProgressiveBlockLayout layout =
      GetInt4ProgressiveBlockLayout(w.cols, w.group_size);
  MultiplyBlocks<kIsa, Int4ProgressiveProduct>(layout, x, w, row_begin, row_end,
                                               out);
}

}  // namespace

void EnterInt4ProgressiveProduct(KernelTable* table) {
  table->matmul[static_cast<size_t>(Codec::kInt4Progressive)] =
      table->isa == kBaseIsa ? MatMulInt4Progressive<kBaseIsa>
                             : MatMulInt4Progressive<kExtendedIsa>;
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddInt4ProgressiveProduct(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterInt4ProgressiveProduct(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
