// The row-wise float operations.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/pointwise.cc"
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/exp-inl.h"
#include "kernels/simd/sigmoid-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
constexpr int64_t kLanes = HWY_LANES(float);

// Sums term(x) for vectors and single values in f64: with f32 the error would
// grow with the width.
template <class Term>
HWY_INLINE double SumTerms(const float* x, int64_t width, const Term& term) {
  const hn::ScalableTag<double> dd;
  const hn::Rebind<float, decltype(dd)> df;
  constexpr int64_t kHalf = HWY_LANES(double);
  auto sum0 = hn::Zero(dd);
  auto sum1 = hn::Zero(dd);
  int64_t c = 0;
  for (; c + 2 * kHalf <= width; c += 2 * kHalf) {
    const auto a = hn::PromoteTo(dd, hn::LoadU(df, x + c));
    const auto b = hn::PromoteTo(dd, hn::LoadU(df, x + c + kHalf));
    sum0 = term(dd, a, sum0);
    sum1 = term(dd, b, sum1);
  }
  for (; c < width; ++c) {
    // One lane of a vector, so that there is one formula.
    const auto only =
        hn::IfThenElseZero(hn::FirstN(dd, 1), hn::Set(dd, double{x[c]}));
    sum0 = hn::IfThenElse(hn::FirstN(dd, 1), term(dd, only, sum0), sum0);
  }
  return hn::GetLane(hn::SumOfLanes(dd, hn::Add(sum0, sum1)));
}

double Sum(const float* x, int64_t width) {
  return SumTerms(x, width,
                  [](auto, auto v, auto sum) { return hn::Add(v, sum); });
}

// Of the distances from `center`.
double SumOfSquares(const float* x, int64_t width, float center = 0.0f) {
  return SumTerms(x, width, [center](auto dd, auto v, auto sum) {
    const auto distance = hn::Sub(v, hn::Set(dd, double{center}));
    return hn::MulAdd(distance, distance, sum);
  });
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

void LayerNorm(const float* x, const float* weight, const float* bias,
               int64_t width, float epsilon, float* out) {
  const FloatTag df;
  const double mean = Sum(x, width) / static_cast<double>(width);
  // About a value near the mean, which the squares lose no digits to.
  const auto center = static_cast<float>(mean);
  const auto rest = static_cast<float>(mean - double{center});
  const double variance =
      SumOfSquares(x, width, center) / static_cast<double>(width) -
      double{rest} * double{rest};
  const auto factor = static_cast<float>(
      1.0 / std::sqrt(std::max(variance, 0.0) + double{epsilon}));
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    const FloatVec centered = hn::Sub(
        hn::Sub(hn::LoadU(df, x + c), hn::Set(df, center)), hn::Set(df, rest));
    const FloatVec scaled = hn::Mul(centered, hn::Set(df, factor));
    const FloatVec added =
        bias == nullptr ? hn::Zero(df) : hn::LoadU(df, bias + c);
    hn::StoreU(hn::MulAdd(scaled, hn::LoadU(df, weight + c), added), df,
               out + c);
  }
  for (; c < width; ++c) {
    out[c] = (x[c] - center - rest) * factor * weight[c] +
             (bias == nullptr ? 0.0f : bias[c]);
  }
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

// x * normal_cdf(x).  erfc(z) = t * exp(P(t) - z^2) for z >= 0, t = 1 / (1 +
// z / 2), with the polynomial of Numerical Recipes' erfcc (section 6.2), whose
// relative error is 1.2e-7.
HWY_INLINE FloatVec Gelu(FloatVec x) {
  const FloatTag df;
  constexpr float kPolynomial[] = {
      0.17087277f,  -0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f,
      -0.18628806f, 0.09678418f,  0.37409196f, 1.00002368f,  -1.26551223f};
  const FloatVec one = hn::Set(df, 1.0f);
  const FloatVec z = hn::Mul(hn::Abs(x), hn::Set(df, 0.70710678f));
  const FloatVec t = hn::Div(one, hn::MulAdd(z, hn::Set(df, 0.5f), one));
  FloatVec p = hn::Zero(df);
  for (const float c : kPolynomial) p = hn::MulAdd(p, t, hn::Set(df, c));
  const FloatVec half = hn::Set(df, 0.5f);
  // x^2 / 2 rather than z^2: one rounding less.
  const FloatVec exponent = hn::NegMulAdd(hn::Mul(x, half), x, p);
  const FloatVec tail =
      hn::Mul(hn::Mul(half, t), ExpOfNegative(hn::Min(exponent, hn::Zero(df))));
  const auto negative = hn::Lt(x, hn::Zero(df));
  return hn::Mul(x, hn::IfThenElse(negative, tail, hn::Sub(one, tail)));
}

template <Activation kActivation>
HWY_INLINE FloatVec Activate(FloatVec x) {
  const FloatTag df;
  if constexpr (kActivation == Activation::kRelu) {
    return hn::Max(x, hn::Zero(df));
  } else if constexpr (kActivation == Activation::kReluSquared) {
    const FloatVec positive = hn::Max(x, hn::Zero(df));
    return hn::Mul(positive, positive);
  } else if constexpr (kActivation == Activation::kGelu) {
    return Gelu(x);
  } else if constexpr (kActivation == Activation::kTanh) {
    return Tanh(x);
  } else if constexpr (kActivation == Activation::kQuickGelu) {
    return hn::Mul(x, Sigmoid(hn::Mul(x, hn::Set(df, 1.702f))));
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

// The widest loop body that both forms share.
template <Activation kActivation>
void ActivateAll(const float* x, int64_t size, float* out) {
  const FloatTag df;
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    hn::StoreU(Activate<kActivation>(hn::LoadU(df, x + i)), df, out + i);
  }
  if (i < size) {
    float tail[kLanes] = {};
    std::copy(x + i, x + size, tail);
    ActivateAll<kActivation>(tail, kLanes, tail);
    std::copy(tail, tail + (size - i), out + i);
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

// Calls body.operator()<kActivation>() for the kind at run time.
template <class Body>
HWY_INLINE void ForActivation(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::kSilu:
      return body.template operator()<Activation::kSilu>();
    case Activation::kGelu:
      return body.template operator()<Activation::kGelu>();
    case Activation::kGeluTanh:
      return body.template operator()<Activation::kGeluTanh>();
    case Activation::kRelu:
      return body.template operator()<Activation::kRelu>();
    case Activation::kTanh:
      return body.template operator()<Activation::kTanh>();
    case Activation::kQuickGelu:
      return body.template operator()<Activation::kQuickGelu>();
    case Activation::kReluSquared:
      return body.template operator()<Activation::kReluSquared>();
  }
}

void GatedActivation(Activation activation, const float* gate, const float* up,
                     int64_t size, float* out) {
  ForActivation(activation, [&]<Activation kActivation>() {
    Gate<kActivation>(gate, up, size, out);
  });
}

void ActivateRow(Activation activation, const float* x, int64_t size,
                 float* out) {
  ForActivation(activation, [&]<Activation kActivation>() {
    ActivateAll<kActivation>(x, size, out);
  });
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
  table->layer_norm = LayerNorm;
  table->gated_activation = GatedActivation;
  table->activate = ActivateRow;
  table->soft_cap = CapSoftly;
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
