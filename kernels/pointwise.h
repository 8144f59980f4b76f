// The row-wise float operations between the products, cut by tokens for the
// pool.
#ifndef OUNCE_KERNELS_POINTWISE_H_
#define OUNCE_KERNELS_POINTWISE_H_

#include <cstdint>

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// out[t] = x[t] / sqrt(mean(x[t]^2) + epsilon) * weight; `weight` is [width].
// `out` may be `x`.  Source: RMSNorm, arXiv:1910.07467.
void RmsNorm(KernelContext& context, MatrixView<const float> x,
             const float* weight, float epsilon, MatrixView<float> out);

// Rotates each head's first 2 * cos.cols values in place: token t by row t of
// `cos` and `sin` ([tokens, rotary_dim / 2]).  `x` is [tokens, heads *
// head_dim].
void Rotary(KernelContext& context, MatrixView<const float> cos,
            MatrixView<const float> sin, int64_t head_dim, MatrixView<float> x);

// gate = activation(gate) * up, both [tokens, ffn].
void GatedActivation(KernelContext& context, Activation activation,
                     MatrixView<const float> up, MatrixView<float> gate);

// x += y.
void Add(KernelContext& context, MatrixView<const float> y,
         MatrixView<float> x);

}  // namespace ounce

#endif  // OUNCE_KERNELS_POINTWISE_H_
