#include <algorithm>
#include <cmath>

#include "kernels/reference/reference.h"

namespace ounce::reference {
namespace {

// Rounds half to even in the default rounding mode.
int8_t ToCode(float x, float scale) {
  return static_cast<int8_t>(
      std::clamp(std::nearbyint(x / scale), -127.0f, 127.0f));
}

// In f64, so that the result is the true value rounded.  Negative inputs use
// exp(x) / (1 + exp(x)), which cannot overflow.
double Sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

double Activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x * Sigmoid(x);
    case Activation::kGelu:
      // erfc keeps the digits that 1 + erf loses for negative inputs.
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Activation::kGeluTanh: {
      // Source: arXiv:1606.08415.  0.5 * (1 + tanh(u)) = sigmoid(2u).
      constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
      return x * Sigmoid(2.0 * kSqrtTwoOverPi * (x + 0.044715 * x * x * x));
    }
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kQuickGelu:
      return x * Sigmoid(1.702 * x);
    case Activation::kReluSquared:
      return std::max(x, 0.0) * std::max(x, 0.0);
  }
  return x;
}

}  // namespace

void QuantizeRow(const float* x, int64_t cols, int64_t stride, int8_t* codes,
                 float* scale, int32_t* sums) {
  float max_abs = 0.0f;
  for (int64_t c = 0; c < cols; ++c)
    max_abs = std::max(max_abs, std::abs(x[c]));
  *scale = max_abs / 127.0f;
  for (int64_t c = 0; c < stride; ++c) {
    // A scale that underflowed to 0 means a row too small to be told from 0.
    codes[c] = c<cols&& * scale> 0.0f ? ToCode(x[c], *scale) : int8_t{0};
  }
  for (int64_t c = 0; c < stride; c += kSumCols) {
    int32_t sum = 0;
    for (int64_t i = c; i < c + kSumCols; ++i) sum += codes[i];
    sums[c / kSumCols] = EncodeSum(sum);
  }
}

void QuantizeRowGroups(const float* x, int64_t cols, int64_t stride,
                       int8_t* codes, float* scales, int32_t* sums) {
  for (int64_t c = 0; c < stride; c += kSumCols) {
    const int64_t left = std::clamp(cols - c, int64_t{0}, kSumCols);
    QuantizeRow(x + (left > 0 ? c : 0), left, kSumCols, codes + c,
                scales + c / kSumCols, sums + c / kSumCols);
  }
}

void RmsNorm(const float* x, const float* weight, int64_t width, float epsilon,
             float* out) {
  double sum = 0.0;
  for (int64_t c = 0; c < width; ++c) sum += double{x[c]} * double{x[c]};
  const double mean = sum / static_cast<double>(width);
  const auto factor =
      static_cast<float>(1.0 / std::sqrt(mean + double{epsilon}));
  for (int64_t c = 0; c < width; ++c) out[c] = x[c] * factor * weight[c];
}

void LayerNorm(const float* x, const float* weight, const float* bias,
               int64_t width, float epsilon, float* out) {
  double sum = 0.0;
  for (int64_t c = 0; c < width; ++c) sum += double{x[c]};
  const double mean = sum / static_cast<double>(width);
  double squares = 0.0;
  for (int64_t c = 0; c < width; ++c) {
    squares += (double{x[c]} - mean) * (double{x[c]} - mean);
  }
  const double factor =
      1.0 / std::sqrt(squares / static_cast<double>(width) + double{epsilon});
  for (int64_t c = 0; c < width; ++c) {
    const double shift = bias == nullptr ? 0.0 : double{bias[c]};
    out[c] = static_cast<float>(
        (double{x[c]} - mean) * factor * double{weight[c]} + shift);
  }
}

void Rotary(float* x, const float* cos, const float* sin, int64_t dim) {
  const int64_t half = dim / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    x[i] = a * cos[i] - b * sin[i];
    x[i + half] = b * cos[i] + a * sin[i];
  }
}

void GatedActivation(Activation activation, const float* gate, const float* up,
                     int64_t size, float* out) {
  for (int64_t i = 0; i < size; ++i) {
    out[i] = static_cast<float>(Activate(activation, double{gate[i]})) * up[i];
  }
}

void Activate(Activation activation, const float* x, int64_t size, float* out) {
  for (int64_t i = 0; i < size; ++i) {
    out[i] = static_cast<float>(Activate(activation, double{x[i]}));
  }
}

void SoftCap(float cap, int64_t size, float* x) {
  for (int64_t i = 0; i < size; ++i) {
    x[i] = static_cast<float>(double{cap} * std::tanh(double{x[i]} / cap));
  }
}

void Add(const float* y, int64_t size, float* x) {
  for (int64_t i = 0; i < size; ++i) x[i] += y[i];
}

}  // namespace ounce::reference
