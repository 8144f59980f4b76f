// Products of few tokens with f32, f16 and bf16 weights, widened as they are
// read, and with the blocks of foreign codecs, which are taken apart first, a
// stretch of a row at a time.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/float_product.cc"
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/half.h"
#include "core/packing/codec.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/dot-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

// Tokens that share one reading of a weight row.
constexpr int kMaxTokens = 4;
// Vectors of partial sums per token: enough to hide the latency of fused
// multiply-adds with one token, and no more than the registers hold with four.
constexpr int NumPartialSums(int tokens) { return tokens >= 4 ? 2 : 4; }

// How each codec is read; the data may be unaligned.
struct F32Weights {
  static constexpr int64_t kBytes = 4;
  static HWY_INLINE FloatVec Load(const uint8_t* data) {
    return LoadFloatBytes(data);
  }
  static float LoadOne(const uint8_t* data) {
    float value;
    std::memcpy(&value, data, sizeof(value));
    return value;
  }
};

template <typename Half>
HWY_INLINE FloatVec LoadHalves(const uint8_t* data) {
  const hn::Rebind<Half, FloatTag> dh;
  const hn::Repartition<uint8_t, decltype(dh)> du8;
  return hn::PromoteTo(FloatTag(), hn::BitCast(dh, hn::LoadU(du8, data)));
}

struct F16Weights {
  static constexpr int64_t kBytes = 2;
  static HWY_INLINE FloatVec Load(const uint8_t* data) {
    return LoadHalves<hwy::float16_t>(data);
  }
  static float LoadOne(const uint8_t* data) {
    uint16_t bits;
    std::memcpy(&bits, data, sizeof(bits));
    return F16ToF32(bits);
  }
};

struct BF16Weights {
  static constexpr int64_t kBytes = 2;
  static HWY_INLINE FloatVec Load(const uint8_t* data) {
    return LoadHalves<hwy::bfloat16_t>(data);
  }
  static float LoadOne(const uint8_t* data) {
    uint16_t bits;
    std::memcpy(&bits, data, sizeof(bits));
    return BF16ToF32(bits);
  }
};

// kTokens tokens, `x_stride` floats apart, by one weight row.
template <typename Weights, int kTokens>
HWY_NOINLINE void MultiplyRow(const float* x, int64_t x_stride,
                              const uint8_t* weights, int64_t cols, float* out,
                              int64_t out_stride) {
  constexpr int kPartialSums = NumPartialSums(kTokens);
  const FloatTag df;
  FloatVec acc[kPartialSums][kTokens];
  for (int i = 0; i < kPartialSums; ++i) {
    for (int t = 0; t < kTokens; ++t) acc[i][t] = hn::Zero(df);
  }
  int64_t c = 0;
  for (; c + kPartialSums * kLanes <= cols; c += kPartialSums * kLanes) {
    for (int i = 0; i < kPartialSums; ++i) {
      const int64_t column = c + i * kLanes;
      const FloatVec w = Weights::Load(weights + column * Weights::kBytes);
      for (int t = 0; t < kTokens; ++t) {
        acc[i][t] =
            hn::MulAdd(w, hn::LoadU(df, x + t * x_stride + column), acc[i][t]);
      }
    }
  }
  for (; c + kLanes <= cols; c += kLanes) {
    const FloatVec w = Weights::Load(weights + c * Weights::kBytes);
    for (int t = 0; t < kTokens; ++t) {
      acc[0][t] = hn::MulAdd(w, hn::LoadU(df, x + t * x_stride + c), acc[0][t]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    FloatVec sum = acc[0][t];
    for (int i = 1; i < kPartialSums; ++i) sum = hn::Add(sum, acc[i][t]);
    float total = hn::GetLane(hn::SumOfLanes(df, sum));
    for (int64_t i = c; i < cols; ++i) {
      total +=
          x[t * x_stride + i] * Weights::LoadOne(weights + i * Weights::kBytes);
    }
    out[t * out_stride] = total;
  }
}

template <typename Weights, int kTokens>
void MultiplyTokens(const MatMulInput& x, const PackedMatrix& w,
                    int64_t row_begin, int64_t row_end, int64_t token,
                    MatrixView<float> out) {
  const int64_t tokens = x.dense.rows;
  for (; token + kTokens <= tokens; token += kTokens) {
    for (int64_t r = row_begin; r < row_end; ++r) {
      MultiplyRow<Weights, kTokens>(x.dense.row(token), x.dense.stride,
                                    w.data + r * w.cols * Weights::kBytes,
                                    w.cols, out.row(token) + r, out.stride);
    }
  }
  if constexpr (kTokens > 1) {
    MultiplyTokens<Weights, kTokens / 2>(x, w, row_begin, row_end, token, out);
  }
}

template <typename Weights>
void MatMulFloat(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                 int64_t row_end, MatrixView<float> out) {
  MultiplyTokens<Weights, kMaxTokens>(x, w, row_begin, row_end, 0, out);
}

// Columns of a row of blocks that are taken apart at a time: few enough for the
// first-level cache, and whole blocks of every foreign codec.
constexpr int64_t kSplitCols = 1024;

// Of a stretch of 32 columns; kPartCols of them share a step and a minimum.
constexpr int64_t kStretch = 32;
constexpr int kStretchVectors = static_cast<int>(kStretch / kLanes);

template <int64_t kPartCols, bool kHasMinima>
HWY_INLINE FloatVec WidenCodes(const BlockParts& parts, int64_t column) {
  const FloatTag df;
  const hn::Rebind<int8_t, FloatTag> di8;
  const FloatVec code = hn::ConvertTo(
      df, hn::PromoteTo(IntTag(), hn::LoadU(di8, parts.codes + column)));
  const FloatVec step = hn::Set(df, parts.steps[column / kPartCols]);
  if constexpr (kHasMinima) {
    return hn::MulAdd(step, code,
                      hn::Set(df, parts.minima[column / kPartCols]));
  }
  return hn::Mul(step, code);
}

// Adds to kTokens outputs what `cols` columns give.
template <int64_t kPartCols, bool kHasMinima, int kTokens>
HWY_NOINLINE void AddParts(const float* x, int64_t x_stride,
                           const BlockParts& parts, int64_t cols, float* out,
                           int64_t out_stride) {
  constexpr int kPartialSums = NumPartialSums(kTokens);
  const FloatTag df;
  FloatVec acc[kPartialSums][kTokens];
  for (int i = 0; i < kPartialSums; ++i) {
    for (int t = 0; t < kTokens; ++t) acc[i][t] = hn::Zero(df);
  }
  for (int64_t c = 0; c < cols; c += kStretch) {
    for (int i = 0; i < kStretchVectors; ++i) {
      const int64_t column = c + i * kLanes;
      const FloatVec w = WidenCodes<kPartCols, kHasMinima>(parts, column);
      for (int t = 0; t < kTokens; ++t) {
        FloatVec& sum = acc[i % kPartialSums][t];
        sum = hn::MulAdd(w, hn::LoadU(df, x + t * x_stride + column), sum);
      }
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    FloatVec sum = acc[0][t];
    for (int i = 1; i < kPartialSums; ++i) sum = hn::Add(sum, acc[i][t]);
    out[t * out_stride] += hn::GetLane(hn::SumOfLanes(df, sum));
  }
}

// The same for all tokens from `token` on.
template <int64_t kPartCols, bool kHasMinima, int kTokens>
void AddPartsToTokens(MatrixView<const float> x, const BlockParts& parts,
                      int64_t cols, int64_t token, MatrixView<float> out) {
  for (; token + kTokens <= x.rows; token += kTokens) {
    AddParts<kPartCols, kHasMinima, kTokens>(x.row(token), x.stride, parts,
                                             cols, out.row(token), out.stride);
  }
  if constexpr (kTokens > 1) {
    AddPartsToTokens<kPartCols, kHasMinima, kTokens / 2>(x, parts, cols, token,
                                                         out);
  }
}

template <int64_t kPartCols, bool kHasMinima>
void MatMulParts(const MatMulInput& x, const PackedMatrix& w, int64_t row_begin,
                 int64_t row_end, MatrixView<float> out) {
  const BlockLayout& block = GetCodecInfo(w.codec).block;
  const int64_t row_bytes = w.cols / block.cols * block.bytes;
  int8_t codes[kSplitCols];
  float steps[kSplitCols / kPartCols];
  float minima[kSplitCols / kPartCols];
  const BlockParts parts = {codes, steps, minima};
  for (int64_t r = row_begin; r < row_end; ++r) {
    const uint8_t* blocks = w.data + r * row_bytes;
    const MatrixView<float> column = {out.data + r, out.rows, 1, out.stride};
    for (int64_t t = 0; t < out.rows; ++t) column.at(t, 0) = 0.0f;
    for (int64_t c = 0; c < w.cols; c += kSplitCols) {
      const int64_t cols = std::min(kSplitCols, w.cols - c);
      const int64_t count = cols / block.cols;
      block.split(blocks, count, parts);
      blocks += count * block.bytes;
      const MatrixView<const float> stretch = {x.dense.data + c, x.dense.rows,
                                               cols, x.dense.stride};
      AddPartsToTokens<kPartCols, kHasMinima, kMaxTokens>(stretch, parts, cols,
                                                          0, column);
    }
  }
}

void MatMulBlocks(const MatMulInput& x, const PackedMatrix& w,
                  int64_t row_begin, int64_t row_end, MatrixView<float> out) {
  const BlockLayout& block = GetCodecInfo(w.codec).block;
  const auto multiply =
      block.part_cols == 16
          ? (block.has_minima ? MatMulParts<16, true> : MatMulParts<16, false>)
          : (block.has_minima ? MatMulParts<32, true> : MatMulParts<32, false>);
  multiply(x, w, row_begin, row_end, out);
}

}  // namespace

void EnterFloatProducts(KernelTable* table) {
  table->matmul[static_cast<size_t>(Codec::kF32)] = MatMulFloat<F32Weights>;
  table->matmul[static_cast<size_t>(Codec::kF16)] = MatMulFloat<F16Weights>;
  table->matmul[static_cast<size_t>(Codec::kBF16)] = MatMulFloat<BF16Weights>;
  table->matmul_blocks = MatMulBlocks;
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddFloatProducts(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterFloatProducts(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
