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

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

constexpr int64_t kSpanCols = 32;  // Per entry of QuantizedRows::sums.
constexpr int64_t kSpanBytes = kSpanCols / 2 * kRowBlock;
// Tokens that pass over all row blocks of a call before the next ones do: their
// codes stay in the second-level cache.
constexpr int64_t kTokenChunk = 64;
// With more tokens the products take longer than the weights.
constexpr int64_t kMaxPrefetchTokens = 16;
// Row blocks that one token takes side by side: memory serves several streams
// faster than one, which stops at the end of every page.
constexpr int kStreams = 4;

// Row blocks and where their rows go.  A part is one vector of rows; those of
// the second block follow those of the first, and so on.
struct Int4Block {
  const uint8_t* data;
  const Int4BlockLayout* layout;
  int64_t group_size;
  bool symmetric;
  int64_t row;        // The first block's first row.
  int64_t rows_left;  // Of the matrix, from there on.

  // Where the block of `part` begins, and the part's first row within it.
  const uint8_t* BlockOf(int part) const {
    return data + part / kBlockParts * layout->block_bytes;
  }
  static int64_t RowOf(int part) { return part % kBlockParts * kLanes; }
};

// Group `g`'s scales or zero points of the rows of one part.
HWY_INLINE FloatVec LoadScales(const Int4Block& block, int64_t g, int part) {
  const hn::Rebind<hwy::float16_t, FloatTag> df16;
  const hn::Repartition<uint8_t, decltype(df16)> du8;
  const uint8_t* scales = block.BlockOf(part) + block.layout->scales_offset +
                          (g * kRowBlock + Int4Block::RowOf(part)) * 2;
  return hn::PromoteTo(FloatTag(), hn::BitCast(df16, hn::LoadU(du8, scales)));
}

HWY_INLINE FloatVec LoadZeroPoints(const Int4Block& block, int64_t g,
                                   int part) {
  if (block.symmetric) {
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
  const auto codes = hn::LoadU(du8, bytes + Int4Block::RowOf(part));
  return hn::ConvertTo(FloatTag(), hn::PromoteTo(IntTag(), codes));
}

// What lies this far behind the weights in use is asked for: the same place of
// the tile's next blocks, as long as the second-level cache has room for them,
// else a stretch further on in the same ones.
HWY_INLINE int64_t PrefetchDistance(int64_t tile_bytes) {
  constexpr int64_t kMaxTileBytes = 256 << 10;
  constexpr int64_t kStretchBytes = 32 << 10;
  return tile_bytes <= kMaxTileBytes ? tile_bytes : kStretchBytes;
}

// Into the second-level cache: the first is too small for what is on its way.
HWY_INLINE void PrefetchSpan(const uint8_t* span) {
  for (int64_t b = 0; b < kSpanBytes; b += 64) {
    __builtin_prefetch(span + b, /*rw=*/0, /*locality=*/2);
  }
}

// Codes times weights of kTokens tokens over one span of 32 columns, in the
// form that SumU4 takes.  `weights` are the first part's; blocks are
// `block_bytes` apart.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void MultiplySpan(
    const uint8_t* weights, int64_t block_bytes,
    const int8_t* const (&x)[kTokens], int64_t column,
    typename Dot<kIsa>::U4Acc (&acc)[kTokens][kParts]) {
  const IntVec mask = hn::Set(IntTag(), 0x0F0F0F0F);
  HWY_UNROLL(4)
  for (int64_t c = 0; c < kSpanCols; c += 8) {
    for (int p = 0; p < kParts; ++p) {
      const IntVec packed = LoadBytes(weights + p / kBlockParts * block_bytes +
                                      c * 8 + Int4Block::RowOf(p) * 4);
      const IntVec low = hn::And(packed, mask);
      const IntVec high = hn::And(hn::ShiftRight<4>(packed), mask);
      for (int t = 0; t < kTokens; ++t) {
        const IntVec x_low = BroadcastCodes(x[t] + column + c);
        const IntVec x_high = BroadcastCodes(x[t] + column + c + 4);
        acc[t][p] = Dot<kIsa>::U4(acc[t][p], low, x_low);
        acc[t][p] = Dot<kIsa>::U4(acc[t][p], high, x_high);
      }
    }
  }
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
    for (int p = 0; prefetch && p < kParts; p += kBlockParts) {
      constexpr int kBlocks = std::max(1, kParts / kBlockParts);
      PrefetchSpan(span_weights + p / kBlockParts * block_bytes +
                   PrefetchDistance(kBlocks * block_bytes));
    }
    typename Dot<kIsa>::U4Acc acc[kTokens][kParts];
    for (int t = 0; t < kTokens; ++t) {
      for (int p = 0; p < kParts; ++p) acc[t][p] = Dot<kIsa>::ZeroU4();
    }
    MultiplySpan<kIsa, kTokens, kParts>(span_weights, block_bytes, x,
                                        span * kSpanCols, acc);
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
HWY_NOINLINE void MultiplyTile(const Int4Block& block, int first_part,
                               const QuantizedRows& x, int64_t token,
                               MatrixView<float> out) {
  const FloatTag df;
  const int8_t* codes[kTokens];
  const int32_t* span_sums[kTokens];
  FloatVec acc[kTokens][kParts];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    span_sums[t] = x.sums + (token + t) * (x.stride / kSpanCols);
    for (int p = 0; p < kParts; ++p) acc[t][p] = hn::Zero(df);
  }
  const uint8_t* weights = block.data + first_part * kLanes * 4;
  // The first to read these weights, which come from memory.
  const bool prefetch = first_part == 0 && x.tokens <= kMaxPrefetchTokens;
  const int64_t group_spans = kOneSpan ? 1 : block.group_size / kSpanCols;
  const int64_t num_spans = block.layout->padded_cols / kSpanCols;
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

template <Isa kIsa, int kTokens, int kParts>
void MultiplyParts(const Int4Block& block, int first_part,
                   const QuantizedRows& x, int64_t token,
                   MatrixView<float> out) {
  if (block.group_size == kSpanCols) {
    MultiplyTile<kIsa, kTokens, kParts, true>(block, first_part, x, token, out);
  } else {
    MultiplyTile<kIsa, kTokens, kParts, false>(block, first_part, x, token,
                                               out);
  }
}

// Tokens [token, end) in tiles as large as fit, then smaller ones.  Tiles of
// many tokens take fewer parts at a time for want of registers.
template <Isa kIsa, int kTokens>
void MultiplyTokens(const Int4Block& block, const QuantizedRows& x,
                    int64_t token, int64_t end, MatrixView<float> out) {
  constexpr int kParts =
      std::clamp(Dot<kIsa>::kTileSums / kTokens, 1, kBlockParts);
  for (int part = 0; part < kBlockParts; part += kParts) {
    if (block.rows_left <= part * kLanes) break;
    for (int64_t t = token; t + kTokens <= end; t += kTokens) {
      MultiplyParts<kIsa, kTokens, kParts>(block, part, x, t, out);
    }
  }
  if constexpr (kTokens > 1) {
    MultiplyTokens<kIsa, kTokens / 2>(block, x, end - (end - token) % kTokens,
                                      end, out);
  }
}

template <Isa kIsa>
void MatMulInt4(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  const bool symmetric = w.codec == Codec::kInt4;
  const Int4BlockLayout layout =
      GetInt4BlockLayout(w.cols, w.group_size, symmetric);
  const int64_t tokens = x.quantized.tokens;
  for (int64_t begin = 0; begin < tokens; begin += kTokenChunk) {
    const int64_t end = std::min(tokens, begin + kTokenChunk);
    int64_t blocks = 1;
    for (int64_t row = row_begin; row < row_end; row += blocks * kRowBlock) {
      const Int4Block block = {w.data + row / kRowBlock * layout.block_bytes,
                               &layout,
                               w.group_size,
                               symmetric,
                               row,
                               row_end - row};
      if (tokens == 1 && block.rows_left > (kStreams - 1) * kRowBlock) {
        blocks = kStreams;
        MultiplyParts<kIsa, 1, kStreams * kBlockParts>(block, 0, x.quantized,
                                                       begin, out);
        continue;
      }
      blocks = 1;
      MultiplyTokens<kIsa, Dot<kIsa>::kTileTokens>(block, x.quantized, begin,
                                                   end, out);
    }
  }
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
