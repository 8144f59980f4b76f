// Products of few tokens with f32, f16 and bf16 weights, widened as they are
// read.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/float_product.cc"
#include <cstdint>
#include <cstring>

#include "core/half.h"
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

}  // namespace

void EnterFloatProducts(KernelTable* table) {
  table->matmul[static_cast<size_t>(Codec::kF32)] = MatMulFloat<F32Weights>;
  table->matmul[static_cast<size_t>(Codec::kF16)] = MatMulFloat<F16Weights>;
  table->matmul[static_cast<size_t>(Codec::kBF16)] = MatMulFloat<BF16Weights>;
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
