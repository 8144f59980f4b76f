// Products of int8 weights with activations that have a scale per group:
// integer sums of one group, then float ones.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int8_groups_product.cc"
#include <algorithm>
#include <bit>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int8_block-inl.h"
#include "kernels/simd/int8_wide_panels-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

// Tokens that pass over all row blocks of a call before the next ones do: their
// codes stay in the second-level cache.  Whole tiles.
template <Isa kIsa>
constexpr int64_t kTokenChunk = 64 - 64 % Dot<kIsa>::kS8FloatTokens;

// kTokens tokens from `first` on.
template <int kTokens>
struct Tokens {
  Tokens(const QuantizedRows& x, int64_t first) {
    for (int t = 0; t < kTokens; ++t) {
      const int64_t groups = (first + t) * (x.stride / kSumCols);
      codes[t] = x.codes + (first + t) * x.stride;
      scales[t] = x.scales + groups;
      sums[t] = x.sums + groups;
    }
  }

  const int8_t* codes[kTokens];
  const float* scales[kTokens];
  const int32_t* sums[kTokens];
};

// The weights from some column on, of the first part of a tile.
struct Chunk {
  const uint8_t* data;
  int64_t block_bytes;  // To those of the next block.
  bool prefetch;
};

// One block's sums in a tile.
template <int kTokens, int kParts>
using IntSums = IntVec[kTokens][kParts];
template <int kTokens, int kParts>
using FloatSums = FloatVec[kTokens][kParts];

// What the sums of a group must start from to undo the offset that PrepareS8
// adds.
template <Isa kIsa>
HWY_INLINE IntVec StartS8(int32_t entry) {
  // The entry is -8 times the sum of the activations' codes.
  static_assert(Dot<kIsa>::kS8Offset % 8 == 0);
  if constexpr (Dot<kIsa>::kS8Offset == 0) return hn::Zero(IntTag());
  return hn::Set(IntTag(),
                 static_cast<int16_t>(entry) * (Dot<kIsa>::kS8Offset / 8));
}

// isums += the products of kTokens tokens with four columns of kParts parts,
// from `c` on.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void MultiplyColumns(const uint8_t* chunk,
                                const Tokens<kTokens>& tokens, int64_t c,
                                IntSums<kTokens, kParts>& isums) {
  typename Dot<kIsa>::S8Weights w[kParts];
  for (int p = 0; p < kParts; ++p) {
    w[p] = Dot<kIsa>::PrepareS8(LoadBytes(chunk + p * kLanes * 4));
  }
  for (int t = 0; t < kTokens; ++t) {
    const IntVec codes = BroadcastCodes(tokens.codes[t] + c);
    for (int p = 0; p < kParts; ++p) {
      isums[t][p] = Dot<kIsa>::S8(isums[t][p], w[p], codes);
    }
  }
}

// The same of eight columns, the last four of which are in `next`, in pairs of
// rows and tokens.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void MultiplyColumnsInPairs(const uint8_t* chunk,
                                       const uint8_t* next,
                                       const Tokens<kTokens>& tokens, int64_t c,
                                       IntSums<kTokens, kParts>& isums) {
  IntVec pairs[kTokens / 2];
  for (int t = 0; t < kTokens; t += 2) {
    pairs[t / 2] =
        Dot<kIsa>::LoadPair(tokens.codes[t] + c, tokens.codes[t + 1] + c);
  }
  for (int p = 0; p < kParts; ++p) {
    IntVec first = LoadBytes(chunk + p * kLanes * 4);
    IntVec last = LoadBytes(next + p * kLanes * 4);
    JoinColumns(first, last);
    for (int t = 0; t < kTokens; t += 2) {
      IntVec& even = isums[t][p];
      IntVec& odd = isums[t + 1][p];
      even = Dot<kIsa>::MultiplyPair(even, first, pairs[t / 2]);
      odd = Dot<kIsa>::MultiplyPair(odd, last, pairs[t / 2]);
    }
  }
}

// The integer sums of columns [begin, end), one group, from `chunk` on.
template <Isa kIsa, int kTokens, int kParts, int kBlocks>
HWY_INLINE void SumGroup(Chunk chunk, const Tokens<kTokens>& tokens,
                         int64_t begin, int64_t end,
                         IntSums<kTokens, kParts> (&isums)[kBlocks]) {
  for (int t = 0; t < kTokens; ++t) {
    const IntVec start = StartS8<kIsa>(tokens.sums[t][begin / kSumCols]);
    for (auto& sums : isums) {
      for (IntVec& isum : sums[t]) isum = start;
    }
  }
  for (int64_t c = begin; c < end; c += 4, chunk.data += kChunkBytes) {
    // Blocks side by side: they share what is broadcast of the tokens.
    for (int b = 0; b < kBlocks; ++b) {
      const uint8_t* weights = chunk.data + b * chunk.block_bytes;
      if (chunk.prefetch) hwy::Prefetch(weights + kPrefetchBytes);
      MultiplyColumns<kIsa>(weights, tokens, c, isums[b]);
    }
  }
}

// The same in pairs.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void SumGroupInPairs(Chunk chunk, const Tokens<kTokens>& tokens,
                                int64_t begin, int64_t end,
                                IntSums<kTokens, kParts>& isums) {
  static_assert(Dot<kIsa>::kS8Offset == 0);
  for (auto& row : isums) {
    for (IntVec& isum : row) isum = hn::Zero(IntTag());
  }
  for (int64_t c = begin; c < end; c += 8, chunk.data += 2 * kChunkBytes) {
    const uint8_t* weights = chunk.data;
    if (chunk.prefetch) {
      hwy::Prefetch(weights + kPrefetchBytes);
      hwy::Prefetch(weights + kPrefetchBytes + kChunkBytes);
    }
    // Four columns may be left; what x has behind them is 0.
    const uint8_t* next = c + 4 < end ? weights + kChunkBytes : weights;
    MultiplyColumnsInPairs<kIsa>(weights, next, tokens, c, isums);
  }
}

// sums += the products with columns [begin, end), one group, times its scales.
template <Isa kIsa, int kTokens, int kParts, int kBlocks>
HWY_INLINE void AddGroup(Chunk chunk, const Tokens<kTokens>& tokens,
                         int64_t begin, int64_t end,
                         FloatSums<kTokens, kParts> (&sums)[kBlocks]) {
  constexpr bool kPairs = kInPairs<kIsa, kTokens>;
  const FloatTag df;
  IntSums<kTokens, kParts> isums[kBlocks];
  if constexpr (kPairs) {
    static_assert(kBlocks == 1);
    SumGroupInPairs<kIsa>(chunk, tokens, begin, end, isums[0]);
  } else {
    SumGroup<kIsa>(chunk, tokens, begin, end, isums);
  }
  for (int t = 0; t < kTokens; ++t) {
    const FloatVec scales = ByToken<kPairs>(
        df, t, [&](int of) { return tokens.scales[of][begin / kSumCols]; });
    for (int b = 0; b < kBlocks; ++b) {
      for (int p = 0; p < kParts; ++p) {
        FloatVec& sum = sums[b][t][p];
        sum = hn::MulAdd(scales, hn::ConvertTo(df, isums[b][t][p]), sum);
      }
    }
  }
}

// The tokens from `token` on by the rows of one block's parts.
template <Isa kIsa, int kTokens, int kParts>
HWY_INLINE void StoreSums(const Int8Block& block, int first_part,
                          FloatSums<kTokens, kParts>& sums, int64_t token,
                          MatrixView<float> out) {
  for (int p = 0; p < kParts; ++p) {
    const int64_t lane = (first_part + p) * kLanes;
    const FloatVec scales =
        LoadFloatBytes(block.data + block.layout->scales_offset + lane * 4);
    for (int t = 0; t < kTokens; ++t) {
      if constexpr (kInPairs<kIsa, kTokens>) {
        if (t % 2 == 0) SplitPair(sums[t][p], sums[t + 1][p]);
      }
      StoreRows(hn::Mul(sums[t][p], scales), block.rows_left - lane,
                out.row(token + t) + block.row + lane);
    }
  }
}

// kTokens tokens by kParts parts of each of kBlocks blocks.
template <Isa kIsa, int kTokens, int kParts, int kBlocks>
HWY_NOINLINE void MultiplyTile(const Int8Block& block, int first_part,
                               const QuantizedRows& x, int64_t token,
                               MatrixView<float> out) {
  const Tokens<kTokens> tokens(x, token);
  FloatSums<kTokens, kParts> sums[kBlocks];
  for (auto& block_sums : sums) {
    for (auto& row : block_sums) {
      for (FloatVec& sum : row) sum = hn::Zero(FloatTag());
    }
  }
  const int64_t block_bytes = block.layout->block_bytes;
  const int64_t cols = block.layout->padded_cols;
  Chunk chunk = {block.data + first_part * kLanes * 4, block_bytes,
                 first_part == 0 && x.tokens <= kMaxPrefetchTokens};
  int64_t c = 0;
  for (; c + kSumCols <= cols; c += kSumCols) {
    AddGroup<kIsa>(chunk, tokens, c, c + kSumCols, sums);
    chunk.data += kSumCols * kRowBlock;
  }
  if (c < cols) AddGroup<kIsa>(chunk, tokens, c, cols, sums);
  for (int b = 0; b < kBlocks; ++b) {
    const int64_t rows = b * kRowBlock;
    StoreSums<kIsa>({block.data + b * block_bytes, block.layout,
                     block.row + rows, block.rows_left - rows},
                    first_part, sums[b], token, out);
  }
}

// Tokens [token, end) by one block in tiles as large as fit, then smaller ones.
template <Isa kIsa, int kTokens>
void MultiplyTokens(const Int8Block& block, const QuantizedRows& x,
                    int64_t token, int64_t end, MatrixView<float> out) {
  constexpr int kFit = std::max(1, Dot<kIsa>::kS8FloatSums / kTokens);
  constexpr int kParts =
      std::min(kBlockParts, static_cast<int>(std::bit_floor(unsigned{kFit})));
  for (; token + kTokens <= end; token += kTokens) {
    for (int part = 0; part < kBlockParts; part += kParts) {
      if (block.rows_left <= part * kLanes) break;
      MultiplyTile<kIsa, kTokens, kParts, 1>(block, part, x, token, out);
    }
  }
  if constexpr (kTokens > 1) {
    // The next power of two below.
    constexpr int kFewer = kTokens > 4 ? 4 : kTokens / 2;
    MultiplyTokens<kIsa, kFewer>(block, x, token, end, out);
  }
}

template <Isa kIsa>
void MatMulInt8Groups(const MatMulInput& input, const PackedMatrix& w,
                      int64_t row_begin, int64_t row_end,
                      MatrixView<float> out) {
  const QuantizedRows& x = input.grouped;
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  for (int64_t begin = 0; begin < x.tokens; begin += kTokenChunk<kIsa>) {
    const int64_t end = std::min(x.tokens, begin + kTokenChunk<kIsa>);
    int64_t blocks = 1;
    for (int64_t row = row_begin; row < row_end; row += blocks * kRowBlock) {
      const Int8Block block = {w.data + row / kRowBlock * layout.block_bytes,
                               &layout, row, row_end - row};
      if (x.tokens == 1 && block.rows_left > (kStreams - 1) * kRowBlock) {
        blocks = kStreams;
        MultiplyTile<kIsa, 1, kBlockParts, kStreams>(block, 0, x, begin, out);
        continue;
      }
      blocks = 1;
      MultiplyTokens<kIsa, Dot<kIsa>::kS8FloatTokens>(block, x, begin, end,
                                                      out);
    }
  }
}

#if HWY_TARGET == HWY_AVX2

void MultiplyAvx2(const MatMulInput& x, const PackedMatrix& w,
                  int64_t row_begin, int64_t row_end, MatrixView<float> out) {
  if (x.grouped.tokens >= kMinWideTokens) {
    MultiplyWidePanels(x.grouped, w, row_begin, row_end, out);
    return;
  }
  MatMulInt8Groups<Isa::kAvx2>(x, w, row_begin, row_end, out);
}

#endif  // HWY_TARGET == HWY_AVX2

}  // namespace

void EnterInt8GroupsProduct(KernelTable* table) {
  constexpr auto kCodec = static_cast<size_t>(Codec::kInt8ActivationGroups);
  table->matmul[kCodec] = ForIsa(table->isa, [](auto isa) {
    return MatMulKernel(MatMulInt8Groups<isa.value>);
  });
#if HWY_TARGET == HWY_AVX2
  if (table->isa == Isa::kAvx2) table->matmul[kCodec] = MultiplyAvx2;
#endif
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddInt8GroupsProduct(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterInt8GroupsProduct(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
