// The matrix product of a layer: activations times a stored weight, transposed.
#ifndef OUNCE_KERNELS_LINEAR_H_
#define OUNCE_KERNELS_LINEAR_H_

#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/kernel_table.h"

namespace ounce {

// out[t, r] = sum over c of x[t, c] * w[r, c] + bias[r].
// x is [tokens, w.cols], out [tokens, w.rows], `bias` [w.rows] or null.
//
// Few tokens: the one-token kernels read the stored layout.  Many tokens: float
// weights are widened panel by panel and multiplied by oneDNN; int8 with VNNI
// is multiplied by oneDNN as u8 * s8 -> s32; everything else by blocked kernels
// of ours.  A panel's shape never depends on the number of threads, so neither
// do the bits of the result.  Quantised products have the bits that KernelTable
// states whichever way is taken.
void Linear(KernelContext& context, const MatMulInput& x, const PackedMatrix& w,
            const float* bias, MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_LINEAR_H_
