// Products with int8 weights, straight from the packed layout.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int8_product.cc"
#include <algorithm>
#include <cstdint>

#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"
#include "kernels/simd/int8_block-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

// Tokens that pass over all row blocks of a call before the next ones do: their
// codes stay in the second-level cache.  Whole tiles.
template <Isa kIsa>
constexpr int64_t kTokenChunk = 64 - 64 % Dot<kIsa>::kS8Tokens;
// The same of a few tokens where a row block is one vector: sums enough to hide
// how long a product takes.
constexpr int kFewTokenBlocks = kBlockParts == 1 ? 4 : 1;
constexpr int kFewTokens = 4;

// What the sums must start from to undo the offset that PrepareS8 adds.
template <Isa kIsa>
HWY_INLINE int32_t SumStart(const QuantizedRows& x, int64_t token) {
  if constexpr (Dot<kIsa>::kS8Offset == 0) return 0;
  const int32_t* sums = x.sums + token * (x.stride / kSumCols);
  int32_t sum = 0;
  for (int64_t i = 0; i < x.stride / kSumCols; ++i) sum += DecodeSum(sums[i]);
  return -Dot<kIsa>::kS8Offset * sum;
}

// kTokens tokens by all rows of kBlocks blocks.
template <Isa kIsa, int kTokens, int kBlocks>
HWY_NOINLINE void MultiplyTile(const Int8Block& block, const QuantizedRows& x,
                               int64_t token, MatrixView<float> out) {
  constexpr int kParts = kBlocks * kBlockParts;
  const FloatTag df;
  const int8_t* codes[kTokens];
  IntVec acc[kTokens][kParts];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    const IntVec start = hn::Set(IntTag(), SumStart<kIsa>(x, token + t));
    for (int p = 0; p < kParts; ++p) acc[t][p] = start;
  }
  const int64_t block_bytes = block.layout->block_bytes;
  const bool prefetch = x.tokens <= kMaxPrefetchTokens;
  const uint8_t* weights = block.data;
  for (int64_t c = 0; c < block.layout->padded_cols; c += 4) {
    for (int b = 0; b < kBlocks; ++b) {
      const uint8_t* chunk = weights + b * block_bytes;
      if (prefetch) hwy::Prefetch(chunk + kPrefetchBytes);
      typename Dot<kIsa>::S8Weights w[kBlockParts];
      for (int p = 0; p < kBlockParts; ++p) {
        w[p] = Dot<kIsa>::PrepareS8(LoadBytes(chunk + p * kLanes * 4));
      }
      for (int t = 0; t < kTokens; ++t) {
        const IntVec x_codes = BroadcastCodes(codes[t] + c);
        for (int p = 0; p < kBlockParts; ++p) {
          IntVec& sum = acc[t][b * kBlockParts + p];
          sum = Dot<kIsa>::S8(sum, w[p], x_codes);
        }
      }
    }
    weights += kChunkBytes;
  }
  for (int p = 0; p < kParts; ++p) {
    const int64_t lane = p * kLanes;
    const FloatVec scales = LoadFloatBytes(
        block.data + p / kBlockParts * block_bytes +
        block.layout->scales_offset + p % kBlockParts * kLanes * 4);
    for (int t = 0; t < kTokens; ++t) {
      const FloatVec scale = hn::Mul(hn::Set(df, x.scales[token + t]), scales);
      StoreRows(hn::Mul(scale, hn::ConvertTo(df, acc[t][p])),
                block.rows_left - lane, out.row(token + t) + block.row + lane);
    }
  }
}

// MultiplyTile() of one block in pairs of rows and tokens.
template <Isa kIsa, int kTokens>
HWY_NOINLINE void MultiplyTileInPairs(const Int8Block& block,
                                      const QuantizedRows& x, int64_t token,
                                      MatrixView<float> out) {
  static_assert(Dot<kIsa>::kS8Offset == 0);
  const FloatTag df;
  const int8_t* codes[kTokens];
  IntVec acc[kTokens][kBlockParts];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    for (IntVec& sum : acc[t]) sum = hn::Zero(IntTag());
  }
  const int64_t cols = block.layout->padded_cols;
  const bool prefetch = x.tokens <= kMaxPrefetchTokens;
  const uint8_t* chunk = block.data;
  for (int64_t c = 0; c < cols; c += 8, chunk += 2 * kChunkBytes) {
    if (prefetch) {
      hwy::Prefetch(chunk + kPrefetchBytes);
      hwy::Prefetch(chunk + kPrefetchBytes + kChunkBytes);
    }
    // Four columns may be left; what x has behind them is 0, up to its stride.
    const uint8_t* next = c + 4 < cols ? chunk + kChunkBytes : chunk;
    IntVec pairs[kTokens / 2];
    for (int t = 0; t < kTokens; t += 2) {
      pairs[t / 2] = Dot<kIsa>::LoadPair(codes[t] + c, codes[t + 1] + c);
    }
    for (int p = 0; p < kBlockParts; ++p) {
      IntVec first = LoadBytes(chunk + p * kLanes * 4);
      IntVec last = LoadBytes(next + p * kLanes * 4);
      JoinColumns(first, last);
      for (int t = 0; t < kTokens; t += 2) {
        acc[t][p] = Dot<kIsa>::MultiplyPair(acc[t][p], first, pairs[t / 2]);
        acc[t + 1][p] =
            Dot<kIsa>::MultiplyPair(acc[t + 1][p], last, pairs[t / 2]);
      }
    }
  }
  for (int p = 0; p < kBlockParts; ++p) {
    const int64_t lane = p * kLanes;
    const FloatVec scales =
        LoadFloatBytes(block.data + block.layout->scales_offset + lane * 4);
    for (int t = 0; t < kTokens; ++t) {
      if (t % 2 == 0) SplitPair(acc[t][p], acc[t + 1][p]);
      const FloatVec scale = hn::Mul(hn::Set(df, x.scales[token + t]), scales);
      StoreRows(hn::Mul(scale, hn::ConvertTo(df, acc[t][p])),
                block.rows_left - lane, out.row(token + t) + block.row + lane);
    }
  }
}

// Tokens [token, end) by kBlocks blocks in tiles as large as fit, then smaller
// ones.
template <Isa kIsa, int kTokens, int kBlocks>
void MultiplyTokens(const Int8Block& block, const QuantizedRows& x,
                    int64_t token, int64_t end, MatrixView<float> out) {
  for (; token + kTokens <= end; token += kTokens) {
    if constexpr (kInPairs<kIsa, kTokens>) {
      static_assert(kBlocks == 1);
      MultiplyTileInPairs<kIsa, kTokens>(block, x, token, out);
    } else {
      MultiplyTile<kIsa, kTokens, kBlocks>(block, x, token, out);
    }
  }
  if constexpr (kTokens > 1) {
    // The next power of two below.
    constexpr int kFewer = kTokens > 4 ? 4 : kTokens / 2;
    MultiplyTokens<kIsa, kFewer, kBlocks>(block, x, token, end, out);
  }
}

template <Isa kIsa>
void MatMulInt8(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  const int64_t tokens = x.quantized.tokens;
  for (int64_t begin = 0; begin < tokens; begin += kTokenChunk<kIsa>) {
    const int64_t end = std::min(tokens, begin + kTokenChunk<kIsa>);
    int64_t blocks = 1;
    for (int64_t row = row_begin; row < row_end; row += blocks * kRowBlock) {
      const Int8Block block = {w.data + row / kRowBlock * layout.block_bytes,
                               &layout, row, row_end - row};
      if (tokens == 1 && block.rows_left > (kStreams - 1) * kRowBlock) {
        blocks = kStreams;
        MultiplyTile<kIsa, 1, kStreams>(block, x.quantized, begin, out);
        continue;
      }
      if (kFewTokenBlocks > 1 && tokens <= kMaxPrefetchTokens &&
          block.rows_left > (kFewTokenBlocks - 1) * kRowBlock) {
        blocks = kFewTokenBlocks;
        MultiplyTokens<kIsa, kFewTokens, kFewTokenBlocks>(block, x.quantized,
                                                          begin, end, out);
        continue;
      }
      blocks = 1;
      MultiplyTokens<kIsa, Dot<kIsa>::kS8Tokens, 1>(block, x.quantized, begin,
                                                    end, out);
    }
  }
}

}  // namespace

void EnterInt8Product(KernelTable* table) {
  table->matmul[static_cast<size_t>(Codec::kInt8)] = ForIsa(
      table->isa, [](auto isa) { return MatMulKernel(MatMulInt8<isa.value>); });
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddInt8Product(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterInt8Product(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
