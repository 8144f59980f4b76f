// Quantisation of activations: the reference's operations, a vector at a time.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantize_row.cc"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
constexpr int64_t kLanes = HWY_LANES(float);

float MaxAbs(const float* x, int64_t cols) {
  const FloatTag df;
  FloatVec max0 = hn::Zero(df);
  FloatVec max1 = hn::Zero(df);
  int64_t c = 0;
  for (; c + 2 * kLanes <= cols; c += 2 * kLanes) {
    max0 = hn::Max(max0, hn::Abs(hn::LoadU(df, x + c)));
    max1 = hn::Max(max1, hn::Abs(hn::LoadU(df, x + c + kLanes)));
  }
  float max_abs = hn::GetLane(hn::MaxOfLanes(df, hn::Max(max0, max1)));
  for (; c < cols; ++c) max_abs = std::max(max_abs, std::abs(x[c]));
  return max_abs;
}

// Codes of kSumCols values; the entry for their sum.
int32_t QuantizeSpan(const float* x, FloatVec scale, int8_t* codes) {
  const FloatTag df;
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<int8_t, FloatTag> di8;
  auto sum = hn::Zero(di);
  for (int64_t i = 0; i < kSumCols; i += kLanes) {
    // NearestInt rounds half to even, as the reference does.
    const auto rounded = hn::NearestInt(hn::Div(hn::LoadU(df, x + i), scale));
    const auto code =
        hn::Max(hn::Min(rounded, hn::Set(di, 127)), hn::Set(di, -127));
    sum = hn::Add(sum, code);
    hn::StoreU(hn::DemoteTo(di8, code), di8, codes + i);
  }
  return EncodeSum(hn::GetLane(hn::SumOfLanes(di, sum)));
}

void QuantizeRow(const float* x, int64_t cols, int64_t stride, int8_t* codes,
                 float* scale, int32_t* sums) {
  *scale = MaxAbs(x, cols) / 127.0f;
  int64_t c = 0;
  if (*scale > 0.0f) {
    const FloatVec scales = hn::Set(FloatTag(), *scale);
    for (; c + kSumCols <= cols; c += kSumCols) {
      sums[c / kSumCols] = QuantizeSpan(x + c, scales, codes + c);
    }
    if (c < cols) {
      float tail[kSumCols] = {};
      std::copy(x + c, x + cols, tail);
      sums[c / kSumCols] = QuantizeSpan(tail, scales, codes + c);
      c += kSumCols;
    }
  }
  std::memset(codes + c, 0, static_cast<size_t>(stride - c));
  std::fill(sums + c / kSumCols, sums + stride / kSumCols, 0);
}

void QuantizeRowGroups(const float* x, int64_t cols, int64_t stride,
                       int8_t* codes, float* scales, int32_t* sums) {
  const int64_t whole = cols / kSumCols * kSumCols;
  int64_t c = 0;
  for (; c < whole; c += kSumCols) {
    QuantizeRow(x + c, kSumCols, kSumCols, codes + c, scales + c / kSumCols,
                sums + c / kSumCols);
  }
  for (; c < stride; c += kSumCols) {
    QuantizeRow(x + whole, c == whole ? cols - whole : 0, kSumCols, codes + c,
                scales + c / kSumCols, sums + c / kSumCols);
  }
}

void MakeUnsigned(const int8_t* codes, int64_t size, uint8_t* out) {
  const hn::ScalableTag<uint8_t> du8;
  constexpr int64_t kStep = HWY_LANES(uint8_t);
  int64_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    const auto bytes =
        hn::LoadU(du8, reinterpret_cast<const uint8_t*>(codes) + i);
    hn::StoreU(hn::Xor(bytes, hn::Set(du8, 0x80)), du8, out + i);
  }
  for (; i < size; ++i) out[i] = static_cast<uint8_t>(codes[i] + 128);
}

}  // namespace

void EnterQuantizeRow(KernelTable* table) {
  table->quantize_row = QuantizeRow;
  table->quantize_row_groups = QuantizeRowGroups;
  table->make_unsigned = MakeUnsigned;
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddQuantizeRow(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterQuantizeRow(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
