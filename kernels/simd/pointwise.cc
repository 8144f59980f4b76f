// The row-wise float operations.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pointwise.cc"
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/reference/reference.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/exp-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
constexpr int64_t kLanes = HWY_LANES(float);

// Sums in f64: with f32 the error would grow with the width.
double SumOfSquares(const float* x, int64_t width) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  constexpr int64_t kHalf = HWY_LANES(double);
  auto sum0 = hn::Zero(dd);
  auto sum1 = hn::Zero(dd);
  int64_t c = 0;
  for (; c + 2 * kHalf <= width; c += 2 * kHalf) {
    const auto a = hn::PromoteTo(dd, hn::LoadU(df, x + c));
    const auto b = hn::PromoteTo(dd, hn::LoadU(df, x + c + kHalf));
    sum0 = hn::MulAdd(a, a, sum0);
    sum1 = hn::MulAdd(b, b, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(dd, hn::Add(sum0, sum1)));
  for (; c < width; ++c) sum += double{x[c]} * double{x[c]};
  return sum;
}

void RmsNorm(const float* x, const float* weight, int64_t width, float epsilon,
             float* out) {
  const FloatTag df;
  const double mean = SumOfSquares(x, width) / static_cast<double>(width);
  const auto factor =
      static_cast<float>(1.0 / std::sqrt(mean + double{epsilon}));
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    const FloatVec scaled = hn::Mul(hn::LoadU(df, x + c), hn::Set(df, factor));
    hn::StoreU(hn::Mul(scaled, hn::LoadU(df, weight + c)), df, out + c);
  }
  for (; c < width; ++c) out[c] = x[c] * factor * weight[c];
}

void Rotary(float* x, const float* cos, const float* sin, int64_t dim) {
  const FloatTag df;
  const int64_t half = dim / 2;
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const FloatVec a = hn::LoadU(df, x + i);
    const FloatVec b = hn::LoadU(df, x + i + half);
    const FloatVec c = hn::LoadU(df, cos + i);
    const FloatVec s = hn::LoadU(df, sin + i);
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), df, x + i);
    hn::StoreU(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), df, x + i + half);
  }
  for (; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    x[i] = a * cos[i] - b * sin[i];
    x[i + half] = b * cos[i] + a * sin[i];
  }
}

// Negative inputs use exp(x) / (1 + exp(x)), which cannot overflow.
HWY_INLINE FloatVec Sigmoid(FloatVec x) {
  const FloatTag df;
  const FloatVec one = hn::Set(df, 1.0f);
  const FloatVec e = ExpOfNegative(hn::Neg(hn::Abs(x)));
  const FloatVec numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(df)), e, one);
  return hn::Div(numerator, hn::Add(one, e));
}

template <Activation kActivation>
HWY_INLINE FloatVec Activate(FloatVec x) {
  const FloatTag df;
  if constexpr (kActivation == Activation::kRelu) {
    return hn::Max(x, hn::Zero(df));
  } else if constexpr (kActivation == Activation::kSilu) {
    return hn::Mul(x, Sigmoid(x));
  } else {
    // 2 * sqrt(2 / pi) * (x + 0.044715 x^3), see reference/pointwise.cc.
    const FloatVec cubic =
        hn::MulAdd(hn::Mul(x, x), hn::Set(df, 0.044715f), hn::Set(df, 1.0f));
    const FloatVec u = hn::Mul(hn::Mul(x, hn::Set(df, 1.5957691216f)), cubic);
    return hn::Mul(x, Sigmoid(u));
  }
}

template <Activation kActivation>
void Gate(const float* gate, const float* up, int64_t size, float* out) {
  const FloatTag df;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    const FloatVec active = Activate<kActivation>(hn::LoadU(df, gate + i));
    hn::StoreU(hn::Mul(active, hn::LoadU(df, up + i)), df, out + i);
  }
  if (i < size) {
    float gate_tail[kLanes] = {};
    float up_tail[kLanes] = {};
    std::copy(gate + i, gate + size, gate_tail);
    std::copy(up + i, up + size, up_tail);
    Gate<kActivation>(gate_tail, up_tail, kLanes, gate_tail);
    std::copy(gate_tail, gate_tail + (size - i), out + i);
  }
}

void GatedActivation(Activation activation, const float* gate, const float* up,
                     int64_t size, float* out) {
  switch (activation) {
    case Activation::kSilu:
      return Gate<Activation::kSilu>(gate, up, size, out);
    case Activation::kGeluTanh:
      return Gate<Activation::kGeluTanh>(gate, up, size, out);
    case Activation::kRelu:
      return Gate<Activation::kRelu>(gate, up, size, out);
    case Activation::kGelu:
      // erfc in vectors would buy little: no decoder family depends on it.
      return reference::GatedActivation(activation, gate, up, size, out);
  }
}

void Add(const float* y, int64_t size, float* x) {
  const FloatTag df;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    hn::StoreU(hn::Add(hn::LoadU(df, x + i), hn::LoadU(df, y + i)), df, x + i);
  }
  for (; i < size; ++i) x[i] += y[i];
}

}  // namespace

void EnterPointwise(KernelTable* table) {
  table->rms_norm = RmsNorm;
  table->rotary = Rotary;
  table->gated_activation = GatedActivation;
  table->add = Add;
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddPointwise(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterPointwise(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
