// Products with int8 weights, straight from the packed layout.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/int8_product.cc"
#include <algorithm>
#include <cstdint>

#include "core/packing/int8.h"
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

constexpr int64_t kSumCols = 32;  // Per entry of QuantizedRows::sums.
constexpr int64_t kChunkBytes = 4 * kRowBlock;  // Four columns.
// Tokens that pass over all row blocks of a call before the next ones do: their
// codes stay in the second-level cache.
constexpr int64_t kTokenChunk = 64;
// How far ahead of the codes in use the next are asked for.
constexpr int64_t kPrefetchBytes = 2048;

// One row block and where its rows go.
struct Int8Block {
  const uint8_t* data;
  const Int8BlockLayout* layout;
  int64_t row;        // The block's first row.
  int64_t rows_left;  // Of the matrix, from there on.
};

// What the sums must start from to undo the offset that PrepareS8 adds.
template <Isa kIsa>
HWY_INLINE int32_t SumStart(const QuantizedRows& x, int64_t token) {
  if constexpr (Dot<kIsa>::kS8Offset == 0) return 0;
  const int32_t* sums = x.sums + token * (x.stride / kSumCols);
  int32_t sum = 0;
  for (int64_t i = 0; i < x.stride / kSumCols; ++i) sum += sums[i];
  return -Dot<kIsa>::kS8Offset * sum;
}

// kTokens tokens by all 16 rows of the block.
template <Isa kIsa, int kTokens>
HWY_NOINLINE void MultiplyTile(const Int8Block& block, const QuantizedRows& x,
                               int64_t token, MatrixView<float> out) {
  const FloatTag df;
  const int8_t* codes[kTokens];
  IntVec acc[kTokens][kBlockParts];
  for (int t = 0; t < kTokens; ++t) {
    codes[t] = x.codes + (token + t) * x.stride;
    const IntVec start = hn::Set(IntTag(), SumStart<kIsa>(x, token + t));
    for (int p = 0; p < kBlockParts; ++p) acc[t][p] = start;
  }
  const uint8_t* weights = block.data;
  for (int64_t c = 0; c < block.layout->padded_cols; c += 4) {
    if constexpr (kTokens == 1) hwy::Prefetch(weights + kPrefetchBytes);
    typename Dot<kIsa>::S8Weights w[kBlockParts];
    for (int p = 0; p < kBlockParts; ++p) {
      w[p] = Dot<kIsa>::PrepareS8(LoadBytes(weights + p * kLanes * 4));
    }
    for (int t = 0; t < kTokens; ++t) {
      const IntVec x_codes = BroadcastCodes(codes[t] + c);
      for (int p = 0; p < kBlockParts; ++p) {
        acc[t][p] = Dot<kIsa>::S8(acc[t][p], w[p], x_codes);
      }
    }
    weights += kChunkBytes;
  }
  for (int p = 0; p < kBlockParts; ++p) {
    const int64_t lane = p * kLanes;
    const FloatVec scales =
        LoadFloatBytes(block.data + block.layout->scales_offset + lane * 4);
    for (int t = 0; t < kTokens; ++t) {
      const FloatVec scale = hn::Mul(hn::Set(df, x.scales[token + t]), scales);
      StoreRows(hn::Mul(scale, hn::ConvertTo(df, acc[t][p])),
                block.rows_left - lane, out.row(token + t) + block.row + lane);
    }
  }
}

// Tokens [token, end) in tiles as large as fit, then smaller ones.
template <Isa kIsa, int kTokens>
void MultiplyTokens(const Int8Block& block, const QuantizedRows& x,
                    int64_t token, int64_t end, MatrixView<float> out) {
  for (; token + kTokens <= end; token += kTokens) {
    MultiplyTile<kIsa, kTokens>(block, x, token, out);
  }
  if constexpr (kTokens > 1) {
    MultiplyTokens<kIsa, kTokens / 2>(block, x, token, end, out);
  }
}

template <Isa kIsa>
void MatMulInt8(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, MatrixView<float> out) {
  const Int8BlockLayout layout = GetInt8BlockLayout(w.cols);
  const int64_t tokens = x.quantized.tokens;
  for (int64_t begin = 0; begin < tokens; begin += kTokenChunk) {
    const int64_t end = std::min(tokens, begin + kTokenChunk);
    for (int64_t row = row_begin; row < row_end; row += kRowBlock) {
      const Int8Block block = {w.data + row / kRowBlock * layout.block_bytes,
                               &layout, row, row_end - row};
      MultiplyTokens<kIsa, Dot<kIsa>::kTileTokens>(block, x.quantized, begin,
                                                   end, out);
    }
  }
}

}  // namespace

void EnterInt8Product(KernelTable* table) {
  table->matmul[static_cast<size_t>(Codec::kInt8)] =
      table->isa == kBaseIsa ? MatMulInt8<kBaseIsa> : MatMulInt8<kExtendedIsa>;
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
