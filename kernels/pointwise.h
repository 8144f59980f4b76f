// The row-wise float operations between the products, cut by tokens for the
// pool.
#ifndef OUNCE_KERNELS_POINTWISE_H_
#define OUNCE_KERNELS_POINTWISE_H_

#include <cstdint>

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// A normalisation of vectors, with the weights of whose it is.
struct Norm {
  enum class Kind : uint8_t {
    kRms,    // x / sqrt(mean(x^2) + epsilon) * weight; arXiv:1910.07467
    kLayer,  // (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias;
             // arXiv:1607.06450
  };
  Kind kind = Kind::kRms;
  const float* weight = nullptr;  // [width]
  const float* bias = nullptr;    // [width] or null; of kLayer alone.
  float epsilon = 0.0f;
};

// One vector; `out` may be `x`.
void NormalizeRow(const KernelTable& table, const Norm& norm, const float* x,
                  int64_t width, float* out);

// Every row of `x`; `out` may be `x`.
void Normalize(KernelContext& context, const Norm& norm,
               MatrixView<const float> x, MatrixView<float> out);

// Which values of a head rotate with each other.
enum class RotaryPairs : uint8_t {
  kHalves,    // x[i] and x[i + dims / 2], as in GPT-NeoX.
  kAdjacent,  // x[2i] and x[2i + 1], as in GPT-J.
};

// Rotates each head's first dims = 2 * cos.cols values in place: token t by row
// t of `cos` and `sin` ([tokens, dims / 2]).  `x` is [tokens, heads *
// head_dim].
void Rotary(KernelContext& context, MatrixView<const float> cos,
            MatrixView<const float> sin, int64_t head_dim, MatrixView<float> x,
            RotaryPairs pairs = RotaryPairs::kHalves);

// gate = activation(gate) * up, both [tokens, ffn].
void GatedActivation(KernelContext& context, Activation activation,
                     MatrixView<const float> up, MatrixView<float> gate);

// x = activation(x).
void Activate(KernelContext& context, Activation activation,
              MatrixView<float> x);

// x = cap * tanh(x / cap).
void SoftCap(KernelContext& context, float cap, MatrixView<float> x);

// x *= factor.
void Scale(KernelContext& context, float factor, MatrixView<float> x);

// x += y.
void Add(KernelContext& context, MatrixView<const float> y,
         MatrixView<float> x);

}  // namespace ounce

#endif  // OUNCE_KERNELS_POINTWISE_H_
