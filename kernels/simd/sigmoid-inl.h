// What is made of one exponential: sigmoid, tanh and the soft cap.
//
// Re-included once per target, hence the toggling guard.
#if defined(OUNCE_KERNELS_SIMD_SIGMOID_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OUNCE_KERNELS_SIMD_SIGMOID_INL_H_
#undef OUNCE_KERNELS_SIMD_SIGMOID_INL_H_
#else
#define OUNCE_KERNELS_SIMD_SIGMOID_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/simd/exp-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {

// Negative inputs use exp(x) / (1 + exp(x)), which cannot overflow.
template <class V>
HWY_INLINE V Sigmoid(V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> df;
  const V one = hn::Set(df, 1.0f);
  const V e = ExpOfNegative(hn::Neg(hn::Abs(x)));
  const V numerator = hn::IfThenElse(hn::Lt(x, hn::Zero(df)), e, one);
  return hn::Div(numerator, hn::Add(one, e));
}

// Within 2^-22.
template <class V>
HWY_INLINE V Tanh(V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> df;
  const V one = hn::Set(df, 1.0f);
  const V e = ExpOfNegative(hn::Mul(hn::Abs(x), hn::Set(df, -2.0f)));
  return hn::CopySign(hn::Div(hn::Sub(one, e), hn::Add(one, e)), x);
}

HWY_INLINE void CapSoftly(float cap, int64_t size, float* x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<float> df;
  constexpr int64_t kStep = HWY_LANES(float);
  const auto inverse = hn::Set(df, 1.0f / cap);
  const auto cap_of = [&](auto v) {
    return hn::Mul(hn::Set(df, cap), Tanh(hn::Mul(v, inverse)));
  };
  int64_t i = 0;
  for (; i + kStep <= size; i += kStep) {
    hn::StoreU(cap_of(hn::LoadU(df, x + i)), df, x + i);
  }
  if (i < size) {
    HWY_ALIGN float tail[kStep] = {};
    std::copy(x + i, x + size, tail);
    hn::Store(cap_of(hn::Load(df, tail)), df, tail);
    std::copy(tail, tail + (size - i), x + i);
  }
}

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#endif  // OUNCE_KERNELS_SIMD_SIGMOID_INL_H_
