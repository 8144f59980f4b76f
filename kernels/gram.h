// Sums of products of activations with themselves: the Hessian of a linear
// layer's squared output error, up to a factor.
#ifndef OUNCE_KERNELS_GRAM_H_
#define OUNCE_KERNELS_GRAM_H_

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// sum [width, width] += x^T x for x [tokens, width], on and below the diagonal;
// what is above it is unspecified until MirrorLowerTriangle().  All finite.
// In f32: relative errors grow with the number of tokens that were summed, to
// about 1e-6 times the square root of calls.  Bits do not depend on the number
// of threads, but do on how tokens are split among calls.  Hundreds of tokens a
// call are needed to come near the machine's peak.  Scratch memory: about that
// of `x`.
void AddGram(KernelContext& context, MatrixView<const float> x,
             MatrixView<float> sum);

// sum [width, width] += a^T b for a and b [tokens, width], all of it, likewise.
void AddCrossGram(KernelContext& context, MatrixView<const float> a,
                  MatrixView<const float> b, MatrixView<float> sum);

// matrix[i, j] = matrix[j, i] for all i < j.
void MirrorLowerTriangle(KernelContext& context, MatrixView<float> matrix);

}  // namespace ounce

#endif  // OUNCE_KERNELS_GRAM_H_
