// What the products with int4 codes share, whatever their scales are: how codes
// are read, and how tokens and row blocks are cut into tiles.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_
#undef OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_
#else
#define OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

// The codes of kSumCols columns of one row block.
inline constexpr int64_t kSpanBytes = kSumCols / 2 * kRowBlock;
// Tokens that pass over all row blocks of a call before the next ones do: their
// codes stay in the second-level cache.
inline constexpr int64_t kTokenChunk = 64;
// With more tokens the products take longer than the weights.
inline constexpr int64_t kMaxPrefetchTokens = 16;
// Row blocks that one token takes side by side: memory serves several streams
// faster than one, which stops at the end of every page.
inline constexpr int kStreams = 4;

// Row blocks and where their rows go.  A part is one vector of rows; those of
// the second block follow those of the first, and so on.
template <class Layout>
struct Int4Blocks {
  const uint8_t* data;
  const Layout* layout;
  int64_t group_size;
  int64_t row;        // The first block's first row.
  int64_t rows_left;  // Of the matrix, from there on.

  // Where the block of `part` begins, and the part's first row within it.
  const uint8_t* BlockOf(int part) const {
    return data + part / kBlockParts * layout->block_bytes;
  }
  static int64_t RowOf(int part) { return part % kBlockParts * kLanes; }
};

// What lies this far behind the weights in use is asked for: the same place of
// the tile's next blocks, as long as the second-level cache has room for them,
// else a stretch further on in the same ones.
HWY_INLINE int64_t PrefetchDistance(int64_t tile_bytes) {
  constexpr int64_t kMaxTileBytes = 256 << 10;
  constexpr int64_t kStretchBytes = 32 << 10;
  return tile_bytes <= kMaxTileBytes ? tile_bytes : kStretchBytes;
}

// Whether a tile is the first to read its weights, which come from memory.
HWY_INLINE bool ReadsFirst(int first_part, const QuantizedRows& x) {
  return first_part == 0 && x.tokens <= kMaxPrefetchTokens;
}

// Asks for the codes behind a span in each of the blocks that kParts parts are
// of.  Into the second-level cache: the first is too small for what is on its
// way.
template <int kParts>
HWY_INLINE void PrefetchSpan(const uint8_t* span, int64_t block_bytes) {
  constexpr int kBlocks = std::max(1, kParts / kBlockParts);
  const uint8_t* next = span + PrefetchDistance(kBlocks * block_bytes);
  for (int block = 0; block < kBlocks; ++block, next += block_bytes) {
    for (int64_t b = 0; b < kSpanBytes; b += 64) {
      __builtin_prefetch(next + b, /*rw=*/0, /*locality=*/2);
    }
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
  for (int64_t c = 0; c < kSumCols; c += 8) {
    for (int p = 0; p < kParts; ++p) {
      const IntVec packed = LoadBytes(weights + p / kBlockParts * block_bytes +
                                      c * 8 + p % kBlockParts * kLanes * 4);
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

// Tokens [token, end) in tiles as large as fit, then smaller ones.  Tiles of
// many tokens take fewer parts at a time for want of registers.
template <Isa kIsa, class Product, int kTokens>
void MultiplyTokens(const Int4Blocks<typename Product::Layout>& blocks,
                    const QuantizedRows& x, int64_t token, int64_t end,
                    MatrixView<float> out) {
  constexpr int kParts =
      std::clamp(Dot<kIsa>::kTileSums / kTokens, 1, kBlockParts);
  for (int part = 0; part < kBlockParts; part += kParts) {
    if (blocks.rows_left <= part * kLanes) break;
    for (int64_t t = token; t + kTokens <= end; t += kTokens) {
      Product::template Multiply<kIsa, kTokens, kParts>(blocks, part, x, t,
                                                        out);
    }
  }
  if constexpr (kTokens > 1) {
    MultiplyTokens<kIsa, Product, kTokens / 2>(
        blocks, x, end - (end - token) % kTokens, end, out);
  }
}

// A MatMulKernel's work with the codec of `Product`, which has the type of its
// `Layout` and
//   template <Isa, int kTokens, int kParts>
//   static void Multiply(const Int4Blocks<Layout>& blocks, int first_part,
//                        const QuantizedRows& x, int64_t token,
//                        MatrixView<float> out);
// the product of kTokens tokens by the rows of kParts parts from there on.
template <Isa kIsa, class Product>
void MultiplyBlocks(const typename Product::Layout& layout,
                    const MatMulInput& x, const PackedMatrix& w,
                    int64_t row_begin, int64_t row_end, MatrixView<float> out) {
  const int64_t tokens = x.quantized.tokens;
  for (int64_t begin = 0; begin < tokens; begin += kTokenChunk) {
    const int64_t end = std::min(tokens, begin + kTokenChunk);
    int64_t num_blocks = 1;
    for (int64_t row = row_begin; row < row_end;
         row += num_blocks * kRowBlock) {
      const Int4Blocks<typename Product::Layout> blocks = {
          w.data + row / kRowBlock * layout.block_bytes, &layout, w.group_size,
          row, row_end - row};
      if (tokens == 1 && blocks.rows_left > (kStreams - 1) * kRowBlock) {
        num_blocks = kStreams;
        Product::template Multiply<kIsa, 1, kStreams * kBlockParts>(
            blocks, 0, x.quantized, begin, out);
        continue;
      }
      num_blocks = 1;
      MultiplyTokens<kIsa, Product, Dot<kIsa>::kTileTokens>(blocks, x.quantized,
                                                            begin, end, out);
    }
  }
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#endif  // OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_
