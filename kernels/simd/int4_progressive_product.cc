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
#include "kernels/simd/int4_signed_panels-inl.h"
#include "kernels/simd/int4_tiles-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

using Blocks = Int4Blocks<Int4ProgressiveBlockLayout>;

// Where group `g`'s scales of the rows of one part are.
HWY_INLINE const uint8_t* GroupScales(const Blocks& blocks, int64_t g,
                                      int part) {
  return blocks.BlockOf(part) + blocks.layout->group_scales_offset +
         g * kRowBlock + Blocks::RowOf(part);
}

struct Int4ProgressiveProduct {
  using Layout = Int4ProgressiveBlockLayout;
  using Sum = IntVec;
  static Layout LayoutOf(const PackedMatrix& w) {
    return GetInt4ProgressiveBlockLayout(w.cols, w.group_size);
  }
  static HWY_INLINE Sum ZeroSum() { return hn::Zero(IntTag()); }
  static HWY_INLINE IntVec LoadGroupScales(const Blocks& blocks, int64_t g,
                                           int part) {
    const hn::Rebind<int8_t, IntTag> di8;
    const uint8_t* scales = GroupScales(blocks, g, part);
    return hn::PromoteTo(
        IntTag(), hn::LoadU(di8, reinterpret_cast<const int8_t*>(scales)));
  }
  template <Isa kIsa>
  static constexpr int MaxTokens() {
    return Dot<kIsa>::kU4Tokens;
  }
  template <Isa kIsa>
  static constexpr int MaxSums() {
    return Dot<kIsa>::kU4Sums;
  }

  // Groups are taken span by span, whatever their size: the sum of a span fits
  // 16 bits with the codes' offset in it, and its scale costs no more than a
  // sum's widening does.
  template <Isa kIsa, CodeForm kForm, int kTokens, int kParts>
  static HWY_INLINE void AddSpans(const Blocks& blocks, int first_part,
                                  const SpanRange& spans,
                                  const TileTokens& tokens,
                                  Sum (&sums)[kTokens][kParts]) {
    const int8_t* codes[kTokens];
    const int32_t* span_sums[kTokens];
    for (int t = 0; t < kTokens; ++t) {
      codes[t] = tokens.codes(t);
      span_sums[t] = tokens.sums(t);
    }
    const int64_t block_bytes = blocks.layout->block_bytes;
    // Group sizes are 32, 64 and 128: one, two and four spans.
    const int group_shift = static_cast<int>(blocks.group_size / kSumCols / 2);
    const uint8_t* weights = spans.codes;
    for (int64_t span = spans.begin; span < spans.end; ++span) {
      if (spans.prefetch) PrefetchSpan<kParts>(weights, block_bytes);
      typename Dot<kIsa>::U4Acc acc[kTokens][kParts];
      for (int t = 0; t < kTokens; ++t) {
        const auto start = StartU4<kIsa, kTokens>(span_sums, span, t);
        for (int p = 0; p < kParts; ++p) acc[t][p] = start;
      }
      MultiplySpan<kIsa, kForm>(weights, block_bytes, codes, span * kSumCols,
                                acc);
      const int64_t group = span >> group_shift;
      for (int p = 0; p < kParts; ++p) {
        if (kPrefetchesNear && spans.prefetch) {
          __builtin_prefetch(GroupScales(blocks, group, first_part + p) +
                             kNearScaleBytes);
        }
        const IntVec scales = Dot<kIsa>::PrepareScales(
            LoadGroupScales(blocks, group, first_part + p));
        for (int t = 0; t < kTokens; ++t) {
          sums[t][p] = Dot<kIsa>::AddScaledU4(
              sums[t][p], acc[t][p], ByRow<kInPairs<kIsa, kTokens>>(scales, t));
        }
      }
      weights += kFormSpanBytes<kForm>;
    }
  }

  static HWY_INLINE FloatVec Finish(const Blocks& blocks, int part, Sum sum,
                                    float x_scale) {
    const FloatTag df;
    const FloatVec row_scales =
        LoadFloatBytes(blocks.BlockOf(part) + blocks.layout->row_scales_offset +
                       Blocks::RowOf(part) * int64_t{sizeof(float)});
    return hn::Mul(hn::Mul(hn::Set(df, x_scale), row_scales),
                   hn::ConvertTo(df, sum));
  }
};

#if HWY_TARGET == HWY_AVX2

void MultiplyAvx2(const MatMulInput& x, const PackedMatrix& w,
                  int64_t row_begin, int64_t row_end, MatrixView<float> out) {
  if (x.quantized.unsigned_codes != nullptr) {
    MultiplySignedPanels<Int4ProgressiveProduct>(x, w, row_begin, row_end, out);
    return;
  }
  MultiplyBlocks<Isa::kAvx2, Int4ProgressiveProduct>(x, w, row_begin, row_end,
                                                     out);
}

#endif  // HWY_TARGET == HWY_AVX2

}  // namespace

void EnterInt4ProgressiveProduct(KernelTable* table) {
  constexpr auto kCodec = static_cast<size_t>(Codec::kInt4Progressive);
  table->matmul[kCodec] = ForIsa(table->isa, [](auto isa) {
    return MatMulKernel(MultiplyBlocks<isa.value, Int4ProgressiveProduct>);
  });
#if HWY_TARGET == HWY_AVX2
  if (table->isa == Isa::kAvx2) {
    table->matmul[kCodec] = MultiplyAvx2;
    table->min_unsigned_tokens[kCodec] = kMinPanelTokens;
  }
#endif
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
