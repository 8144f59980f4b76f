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
#include <bit>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/kernel_table.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

// The codes of kSumCols columns of one row block.
inline constexpr int64_t kSpanBytes = kSumCols / 2 * kRowBlock;
// Tokens that pass over all row blocks of a call before the next ones do, so
// that their codes are near.  A multiple of every tile's tokens.
inline constexpr int64_t kTokenChunk = 120;
// With more tokens the products take longer than the weights.
inline constexpr int64_t kMaxPrefetchTokens = 16;
// From this many tokens on their weights are worth unpacking first.
inline constexpr int64_t kMinPanelTokens = 16;
// Row blocks that one token takes side by side: memory serves several streams
// faster than one, which stops at the end of every page.
inline constexpr int kStreams = 4;
// The same of a few tokens where a row block is one vector: with two they share
// what is loaded of either.
inline constexpr int kFewTokenBlocks = kBlockParts == 1 ? 2 : 1;

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

// With AVX-512 rather what comes next in the same blocks, codes and group
// scales, and into the first-level cache: 4 to 6 % faster on Sapphire Rapids.
// With AVX2 the former was faster, on Zen 3.
inline constexpr bool kPrefetchesNear = kBlockParts == 1;
inline constexpr int64_t kNearCodeBytes = 1536;
inline constexpr int64_t kNearScaleBytes = 64;

// Asks for the codes behind a span in each of the blocks that kParts parts are
// of.
template <int kParts>
HWY_INLINE void PrefetchSpan(const uint8_t* span, int64_t block_bytes) {
  constexpr int kBlocks = std::max(1, kParts / kBlockParts);
  // Far ahead means the second-level cache: the first is too small for what is
  // on its way.
  constexpr int kLocality = kPrefetchesNear ? 3 : 2;
  const uint8_t* next =
      span + (kPrefetchesNear ? kNearCodeBytes
                              : PrefetchDistance(kBlocks * block_bytes));
  for (int block = 0; block < kBlocks; ++block, next += block_bytes) {
    for (int64_t b = 0; b < kSpanBytes; b += 64) {
      __builtin_prefetch(next + b, /*rw=*/0, kLocality);
    }
  }
}

// How a tile reads its codes: packed, as the file has them, or unpacked to a
// byte each, four columns of a row block a vector of 64 bytes.
enum class CodeForm { kPacked, kUnpacked };

template <CodeForm kForm>
inline constexpr int64_t kFormSpanBytes =
    kForm == CodeForm::kPacked ? kSpanBytes : 2 * kSpanBytes;

// The codes of columns c + half to c + half + 3, half 0 or 4, of one part.
template <CodeForm kForm>
HWY_INLINE IntVec LoadCodes(const uint8_t* span, int64_t c, int64_t half,
                            int part) {
  const int64_t lane_bytes = part % kBlockParts * kLanes * 4;
  if (kForm == CodeForm::kUnpacked) {
    return LoadBytes(span + (c + half) * kRowBlock + lane_bytes);
  }
  const IntVec packed = LoadBytes(span + c * (kRowBlock / 2) + lane_bytes);
  return hn::And(half == 0 ? packed : hn::ShiftRight<4>(packed),
                 hn::Set(IntTag(), 0x0F0F0F0F));
}

// MultiplySpan() in pairs of rows and tokens.
template <Isa kIsa, CodeForm kForm, int kTokens, int kParts>
HWY_INLINE void MultiplySpanInPairs(const uint8_t* span,
                                    const int8_t* const (&x)[kTokens],
                                    int64_t column,
                                    IntVec (&acc)[kTokens][kParts]) {
  static_assert(kParts <= kBlockParts);
  HWY_UNROLL(4)
  for (int64_t c = 0; c < kSumCols; c += 8) {
    for (int p = 0; p < kParts; ++p) {
      IntVec first = LoadCodes<kForm>(span, c, 0, p);
      IntVec last = LoadCodes<kForm>(span, c, 4, p);
      if constexpr (kForm == CodeForm::kPacked) JoinColumns(first, last);
      for (int t = 0; t < kTokens; t += 2) {
        const IntVec pair =
            Dot<kIsa>::LoadPair(x[t] + column + c, x[t + 1] + column + c);
        acc[t][p] = Dot<kIsa>::MultiplyPair(acc[t][p], first, pair);
        acc[t + 1][p] = Dot<kIsa>::MultiplyPair(acc[t + 1][p], last, pair);
      }
    }
  }
}

// The same of one token, which is taken twice: over codes that are unpacked in
// pairs.
template <Isa kIsa, int kParts>
HWY_INLINE void MultiplySpanTwice(const uint8_t* span, const int8_t* x,
                                  int64_t column, IntVec (&acc)[kParts]) {
  for (int p = 0; p < kParts; ++p) {
    IntVec first = hn::Zero(IntTag());
    IntVec last = hn::Zero(IntTag());
    for (int64_t c = 0; c < kSumCols; c += 8) {
      const IntVec pair = Dot<kIsa>::LoadPair(x + column + c, x + column + c);
      first = Dot<kIsa>::MultiplyPair(
          first, LoadCodes<CodeForm::kUnpacked>(span, c, 0, p), pair);
      last = Dot<kIsa>::MultiplyPair(
          last, LoadCodes<CodeForm::kUnpacked>(span, c, 4, p), pair);
    }
    SplitPair(first, last);
    acc[p] = hn::Add(acc[p], first);
  }
}

// Codes times weights of kTokens tokens over one span of 32 columns, in the
// form that SumU4 takes.  `span` is the first part's; blocks are `block_bytes`
// apart.
template <Isa kIsa, CodeForm kForm, int kTokens, int kParts>
HWY_INLINE void MultiplySpan(
    const uint8_t* span, int64_t block_bytes, const int8_t* const (&x)[kTokens],
    int64_t column, typename Dot<kIsa>::U4Acc (&acc)[kTokens][kParts]) {
  if constexpr (kInPairs<kIsa, kTokens>) {
    return MultiplySpanInPairs<kIsa, kForm>(span, x, column, acc);
  } else if constexpr (kMultipliesPairs<kIsa> && kForm == CodeForm::kUnpacked) {
    static_assert(kTokens == 1);
    return MultiplySpanTwice<kIsa>(span, x[0], column, acc[0]);
  }
  // The parts of one block share what is broadcast of x, which costs as much
  // as half a product.  Of several blocks, one part after the other: their
  // weights would not fit the registers.
  constexpr int kShared = std::min(kParts, kBlockParts);
  HWY_UNROLL(4)
  for (int64_t c = 0; c < kSumCols; c += 8) {
    for (int first = 0; first < kParts; first += kShared) {
      const uint8_t* block = span + first / kBlockParts * block_bytes;
      for (int64_t half = 0; half < 8; half += 4) {
        IntVec codes[kShared];
        for (int p = 0; p < kShared; ++p) {
          codes[p] = LoadCodes<kForm>(block, c, half, first + p);
        }
        for (int t = 0; t < kTokens; ++t) {
          const IntVec four = BroadcastCodes(x[t] + column + c + half);
          for (int p = 0; p < kShared; ++p) {
            acc[t][first + p] =
                Dot<kIsa>::U4(acc[t][first + p], codes[p], four);
          }
        }
      }
    }
  }
}

// What a tile's sums of token `t` over one span start from, so that the codes'
// zero point is undone.
template <Isa kIsa, int kTokens>
HWY_INLINE typename Dot<kIsa>::U4Acc StartU4(
    const int32_t* const (&span_sums)[kTokens], int64_t span, int t) {
  if constexpr (kInPairs<kIsa, kTokens>) {
    return ByToken</*kPairs=*/true>(IntTag(), t, [&](int token) {
      return int32_t{static_cast<int16_t>(span_sums[token][span])};
    });
  } else {
    return Dot<kIsa>::OffsetU4(span_sums[t][span]);
  }
}

// The spans [begin, end) of one part's row block, codes from `codes` on.
struct SpanRange {
  const uint8_t* codes;
  int64_t begin;
  int64_t end;
  bool prefetch;
};

// Some tokens of the activations, from the first on.
struct TileTokens {
  const QuantizedRows& x;
  int64_t first;

  const int8_t* codes(int t) const { return x.codes + (first + t) * x.stride; }
  const int32_t* sums(int t) const {
    return x.sums + (first + t) * (x.stride / kSumCols);
  }
  float scale(int t) const { return x.scales[first + t]; }
};

// A product of one codec, `Product`, has
//   Layout, LayoutOf(const PackedMatrix& w)
//           of a row block
//   Sum, ZeroSum()
//           vectors in which the products of rows and a token are summed
//   template <Isa> static constexpr int MaxTokens(), MaxSums();
//           of a tile
//   AddSpans, on some instruction sets in pairs (dot-inl.h):
//   template <Isa, CodeForm, int kTokens, int kParts>
//   static void AddSpans(const Int4Blocks<Layout>& blocks, int first_part,
//                        const SpanRange& spans, const TileTokens& tokens,
//                        Sum (&sums)[kTokens][kParts]);
//           adds the products of kTokens tokens by the rows of kParts parts
//   static FloatVec Finish(const Int4Blocks<Layout>& blocks, int part, Sum sum,
//                          float x_scale);
//           the value that a sum over all columns stands for

template <class Product, bool kPairs, int kTokens, int kParts>
HWY_INLINE void StoreTile(const Int4Blocks<typename Product::Layout>& blocks,
                          int first_part, const TileTokens& tokens,
                          typename Product::Sum (&sums)[kTokens][kParts],
                          MatrixView<float> out) {
  for (int p = 0; p < kParts; ++p) {
    if constexpr (kPairs) {
      for (int t = 0; t < kTokens; t += 2)
        SplitPair(sums[t][p], sums[t + 1][p]);
    }
    const int part = first_part + p;
    const int64_t lane = part * kLanes;
    for (int t = 0; t < kTokens; ++t) {
      StoreRows(Product::Finish(blocks, part, sums[t][p], tokens.scale(t)),
                blocks.rows_left - lane,
                out.row(tokens.first + t) + blocks.row + lane);
    }
  }
}

// Tiles that read the packed codes themselves.
template <Isa kIsa, class ProductType>
struct PackedTiles {
  using Product = ProductType;
  using Blocks = Int4Blocks<typename Product::Layout>;
  const Blocks& blocks;
  const QuantizedRows& x;
  MatrixView<float> out;

  // Tokens [begin, end), a multiple of kTokens, by kParts parts.
  template <int kTokens, int kParts>
  HWY_NOINLINE void Multiply(int first_part, int64_t begin, int64_t end) const {
    const SpanRange spans = {blocks.data + first_part * kLanes * 4, 0,
                             blocks.layout->padded_cols / kSumCols,
                             ReadsFirst(first_part, x)};
    for (int64_t token = begin; token < end; token += kTokens) {
      typename Product::Sum sums[kTokens][kParts];
      for (auto& row : sums) {
        for (auto& sum : row) sum = Product::ZeroSum();
      }
      Product::template AddSpans<kIsa, CodeForm::kPacked>(
          blocks, first_part, spans, {x, token}, sums);
      StoreTile<Product, kInPairs<kIsa, kTokens>>(blocks, first_part,
                                                  {x, token}, sums, out);
    }
  }
};

// Tiles over one panel, some columns of a row block whose codes are unpacked
// for all tokens of a chunk.
template <Isa kIsa, class ProductType>
struct PanelTiles {
  using Product = ProductType;
  using Blocks = Int4Blocks<typename Product::Layout>;
  using Sum = typename Product::Sum;
  const Blocks& blocks;
  const QuantizedRows& x;
  MatrixView<float> out;
  int64_t first_token;  // Of the chunk.
  SpanRange spans;
  bool first;
  bool last;
  Sum* carried;  // The sums so far, [tokens of the chunk][kBlockParts].

  // Tokens [begin, end), a multiple of kTokens, by kParts parts.
  template <int kTokens, int kParts>
  HWY_NOINLINE void Multiply(int first_part, int64_t begin, int64_t end) const {
    SpanRange part_spans = spans;
    part_spans.codes += first_part * kLanes * 4;
    for (int64_t token = begin; token < end; token += kTokens) {
      // Rows of `out` lie far apart: their cache lines are slow to come.
      for (int t = 0; last && t < kTokens; ++t) {
        __builtin_prefetch(out.row(token + t) + blocks.row, /*rw=*/1);
      }
      Sum* tile = carried + (token - first_token) * kBlockParts + first_part;
      Sum sums[kTokens][kParts];
      for (int t = 0; t < kTokens; ++t) {
        for (int p = 0; p < kParts; ++p) {
          sums[t][p] = first ? Product::ZeroSum() : tile[t * kBlockParts + p];
        }
      }
      Product::template AddSpans<kIsa, CodeForm::kUnpacked>(
          blocks, first_part, part_spans, {x, token}, sums);
      if (last) {
        StoreTile<Product, kInPairs<kIsa, kTokens>>(blocks, first_part,
                                                    {x, token}, sums, out);
        continue;
      }
      for (int t = 0; t < kTokens; ++t) {
        for (int p = 0; p < kParts; ++p) tile[t * kBlockParts + p] = sums[t][p];
      }
    }
  }
};

// Tokens [token, end) by kBlocks blocks in tiles as large as fit, then smaller
// ones.  Tiles of many tokens take fewer parts at a time for want of registers.
template <Isa kIsa, int kTokens, int kBlocks, class Tiles>
void MultiplyTokens(const Tiles& tiles, int64_t token, int64_t end) {
  constexpr int kAllParts = kBlocks * kBlockParts;
  constexpr int kMaxParts =
      std::max(1, Tiles::Product::template MaxSums<kIsa>() / kTokens);
  constexpr int kParts = static_cast<int>(
      std::bit_floor(static_cast<unsigned>(std::min(kMaxParts, kAllParts))));
  static_assert(kAllParts % kParts == 0);
  const int64_t whole = end - (end - token) % kTokens;
  for (int part = 0; part < kAllParts && token < whole; part += kParts) {
    if (tiles.blocks.rows_left <= part * kLanes) break;
    tiles.template Multiply<kTokens, kParts>(part, token, whole);
  }
  if constexpr (kTokens > 1) {
    // The next power of two below.
    constexpr int kFewer = kTokens > 4 ? 4 : kTokens / 2;
    MultiplyTokens<kIsa, kFewer, kBlocks>(tiles, whole, end);
  }
}

// Unpacks `spans` spans of a row block, in pairs of rows where they are
// multiplied so.
template <Isa kIsa>
HWY_INLINE void UnpackSpans(const uint8_t* packed, int64_t spans,
                            uint8_t* unpacked) {
  const hn::Repartition<uint8_t, IntTag> du8;
  for (int64_t c = 0; c < spans * kSumCols; c += 8) {
    for (int part = 0; part < kBlockParts; ++part) {
      IntVec first = LoadCodes<CodeForm::kPacked>(packed, c, 0, part);
      IntVec last = LoadCodes<CodeForm::kPacked>(packed, c, 4, part);
      if constexpr (kMultipliesPairs<kIsa>) JoinColumns(first, last);
      uint8_t* const out = unpacked + c * kRowBlock + part * kLanes * 4;
      hn::Store(hn::BitCast(du8, first), du8, out);
      hn::Store(hn::BitCast(du8, last), du8, out + 4 * kRowBlock);
    }
  }
}

// Tokens [begin, end) of one chunk by one row block, panel after panel.
template <Isa kIsa, class Product>
void MultiplyPanels(const Int4Blocks<typename Product::Layout>& blocks,
                    const QuantizedRows& x, int64_t begin, int64_t end,
                    MatrixView<float> out) {
  // With its tokens' codes a panel stays in the first-level cache.
  constexpr int64_t kPanelSpans = 32;
  alignas(64) uint8_t panel[kPanelSpans * kSumCols * kRowBlock];
  typename Product::Sum carried[kTokenChunk * kBlockParts];
  const int64_t num_spans = blocks.layout->padded_cols / kSumCols;
  for (int64_t span = 0; span < num_spans; span += kPanelSpans) {
    const int64_t span_end = std::min(num_spans, span + kPanelSpans);
    UnpackSpans<kIsa>(blocks.data + span * kSpanBytes, span_end - span, panel);
    const PanelTiles<kIsa, Product> tiles = {
        blocks,
        x,
        out,
        begin,
        {panel, span, span_end, /*prefetch=*/false},
        /*first=*/span == 0,
        /*last=*/span_end == num_spans,
        carried};
    MultiplyTokens<kIsa, Product::template MaxTokens<kIsa>(), 1>(tiles, begin,
                                                                 end);
  }
}

// A MatMulKernel's work with the codec of `Product`.
template <Isa kIsa, class Product>
void MultiplyBlocks(const MatMulInput& x, const PackedMatrix& w,
                    int64_t row_begin, int64_t row_end, MatrixView<float> out) {
  const typename Product::Layout layout = Product::LayoutOf(w);
  const QuantizedRows& rows = x.quantized;
  for (int64_t begin = 0; begin < rows.tokens; begin += kTokenChunk) {
    const int64_t end = std::min(rows.tokens, begin + kTokenChunk);
    int64_t num_blocks = 1;
    for (int64_t row = row_begin; row < row_end;
         row += num_blocks * kRowBlock) {
      const Int4Blocks<typename Product::Layout> blocks = {
          w.data + row / kRowBlock * layout.block_bytes, &layout, w.group_size,
          row, row_end - row};
      const PackedTiles<kIsa, Product> tiles = {blocks, rows, out};
      num_blocks = 1;
      if (end - begin >= kMinPanelTokens) {
        MultiplyPanels<kIsa, Product>(blocks, rows, begin, end, out);
      } else if (rows.tokens == 1 &&
                 blocks.rows_left > (kStreams - 1) * kRowBlock) {
        num_blocks = kStreams;
        tiles.template Multiply<1, kStreams * kBlockParts>(0, begin, end);
      } else if (blocks.rows_left > (kFewTokenBlocks - 1) * kRowBlock) {
        num_blocks = kFewTokenBlocks;
        constexpr int kMaxTokens = Product::template MaxTokens<kIsa>();
        MultiplyTokens<kIsa, kMaxTokens / kFewTokenBlocks, kFewTokenBlocks>(
            tiles, begin, end);
      } else {
        MultiplyTokens<kIsa, Product::template MaxTokens<kIsa>(), 1>(
            tiles, begin, end);
      }
    }
  }
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#endif  // OUNCE_KERNELS_SIMD_INT4_TILES_INL_H_
