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

// Groups of one span are told apart at compile time: they need fewer registers.
template <bool kSymmetric, bool kOneSpan>
struct Int4Product {
  using Layout = Int4BlockLayout;
  using Sum = FloatVec;
  static Layout LayoutOf(const PackedMatrix& w) {
    return GetInt4BlockLayout(w.cols, w.group_size, kSymmetric);
  }
  static HWY_INLINE Sum ZeroSum() { return hn::Zero(FloatTag()); }
  template <Isa kIsa>
  static constexpr int MaxTokens() {
    return Dot<kIsa>::kU4FloatTokens;
  }
  template <Isa kIsa>
  static constexpr int MaxSums() {
    return Dot<kIsa>::kU4FloatSums;
  }

  template <Isa kIsa, CodeForm kForm, int kTokens, int kParts>
  static HWY_INLINE void AddSpans(const Blocks& blocks, int first_part,
                                  const SpanRange& spans,
                                  const TileTokens& tokens,
                                  Sum (&sums)[kTokens][kParts]) {
    constexpr bool kPairs = kInPairs<kIsa, kTokens>;
    const FloatTag df;
    const int8_t* codes[kTokens];
    const int32_t* span_sums[kTokens];
    for (int t = 0; t < kTokens; ++t) {
      codes[t] = tokens.codes(t);
      span_sums[t] = tokens.sums(t);
    }
    const int64_t group_spans = kOneSpan ? 1 : blocks.group_size / kSumCols;
    SpanRange group = spans;
    int64_t g = spans.begin / group_spans;
    for (; group.begin < spans.end; group.begin = group.end, ++g) {
      group.end = kOneSpan ? group.begin + 1
                           : std::min(spans.end, group.begin + group_spans);
      IntVec isums[kTokens][kParts];
      SumGroup<kIsa, kForm>(blocks, group, codes, span_sums, isums);
      group.codes += (group.end - group.begin) * kFormSpanBytes<kForm>;
      for (int p = 0; p < kParts; ++p) {
        const FloatVec scales = LoadScales(blocks, g, first_part + p);
        for (int t = 0; t < kTokens; ++t) {
          FloatVec isum = hn::ConvertTo(df, isums[t][p]);
          if constexpr (!kSymmetric) {
            // Whole numbers below 2^24: the float subtraction is exact.
            const FloatVec x_sum = ByToken<kPairs>(df, t, [&](int token) {
              return SumOfSpans(span_sums[token], group);
            });
            isum = hn::NegMulAdd(
                ByRow<kPairs>(LoadZeroPoints(blocks, g, first_part + p), t),
                x_sum, isum);
          }
          sums[t][p] = hn::MulAdd(ByRow<kPairs>(scales, t), isum, sums[t][p]);
        }
      }
    }
  }

  static HWY_INLINE FloatVec Finish(const Blocks&, int, Sum sum,
                                    float x_scale) {
    return hn::Mul(sum, hn::Set(FloatTag(), x_scale));
  }

 private:
  static HWY_INLINE float SumOfSpans(const int32_t* span_sums,
                                     const SpanRange& group) {
    int32_t sum = DecodeSum(span_sums[group.begin]);
    for (int64_t span = group.begin + 1; span < group.end; ++span) {
      sum += DecodeSum(span_sums[span]);
    }
    return static_cast<float>(sum);
  }

  // The sums of (code - 8) * x over one group, of code * x where it has a zero
  // point of its own.
  template <Isa kIsa, CodeForm kForm, int kTokens, int kParts>
  static HWY_INLINE void SumGroup(const Blocks& blocks, const SpanRange& group,
                                  const int8_t* const (&x)[kTokens],
                                  const int32_t* const (&span_sums)[kTokens],
                                  IntVec (&sums)[kTokens][kParts]) {
    const int64_t block_bytes = blocks.layout->block_bytes;
    const uint8_t* weights = group.codes;
    for (auto& row : sums) {
      for (IntVec& sum : row) sum = hn::Zero(IntTag());
    }
    for (int64_t span = group.begin; span < group.end; ++span) {
      if (group.prefetch) PrefetchSpan<kParts>(weights, block_bytes);
      typename Dot<kIsa>::U4Acc acc[kTokens][kParts];
      for (int t = 0; t < kTokens; ++t) {
        const auto start = kSymmetric
                               ? StartU4<kIsa, kTokens>(span_sums, span, t)
                               : Dot<kIsa>::ZeroU4();
        for (int p = 0; p < kParts; ++p) acc[t][p] = start;
      }
      MultiplySpan<kIsa, kForm>(weights, block_bytes, x, span * kSumCols, acc);
      for (int t = 0; t < kTokens; ++t) {
        for (int p = 0; p < kParts; ++p) {
          sums[t][p] = Dot<kIsa>::SumU4(sums[t][p], acc[t][p]);
        }
      }
      weights += kFormSpanBytes<kForm>;
    }
  }
};

template <Isa kIsa, Codec kCodec>
void MatMulInt4(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  constexpr bool kSymmetric = kCodec == Codec::kInt4;
  const auto multiply =
      w.group_size == kSumCols
          ? MultiplyBlocks<kIsa, Int4Product<kSymmetric, true>>
          : MultiplyBlocks<kIsa, Int4Product<kSymmetric, false>>;
  multiply(x, w, row_begin, row_end, out);
}

template <Codec kCodec>
void EnterProduct(KernelTable* table) {
  table->matmul[static_cast<size_t>(kCodec)] = ForIsa(table->isa, [](auto isa) {
    return MatMulKernel(MatMulInt4<isa.value, kCodec>);
  });
}

}  // namespace

void EnterInt4Products(KernelTable* table) {
  EnterProduct<Codec::kInt4>(table);
  EnterProduct<Codec::kInt4Asymmetric>(table);
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
