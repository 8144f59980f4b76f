// The matrix products of a layer: activations times stored weights, transposed.
//
// Few tokens: the one-token kernels read the stored layout.  Many tokens: float
// weights are widened panel by panel and multiplied by oneDNN; with VNNI, so
// are int8 weights and those that are int8 but for their coding, as u8 * s8 ->
// s32; everything else by blocked kernels of ours.  A panel's shape never
// depends on the number of threads, so neither do the bits of the result.
// Quantised products have the bits that KernelTable states whichever way is
// taken.
#ifndef OUNCE_KERNELS_LINEAR_H_
#define OUNCE_KERNELS_LINEAR_H_

#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/kernel_table.h"

namespace ounce {

// out[t, r] = sum over c of x[t, c] * weight[r, c] + bias[r].
struct Projection {
  const PackedMatrix* weight = nullptr;
  const float* bias = nullptr;  // [weight->rows] or null.
  MatrixView<float> out;        // [tokens, weight->rows]
};

// All `projections` of one input `x` [tokens, weight->cols], side by side.
void Linear(KernelContext& context, const MatMulInput& x,
            absl::Span<const Projection> projections);

// The same for one projection; then sum[t, r] += out[t, r].
void LinearAdd(KernelContext& context, const MatMulInput& x,
               const Projection& projection, MatrixView<float> sum);

// Both projections, of one shape; then gate.out = activation(gate.out) *
// up.out, tile by tile while they are in cache.
void GatedLinear(KernelContext& context, const MatMulInput& x,
                 Activation activation, const Projection& gate,
                 const Projection& up);

// One projection, then out = activation(out) in the same way.
void ActivatedLinear(KernelContext& context, const MatMulInput& x,
                     Activation activation, const Projection& projection);

}  // namespace ounce

#endif  // OUNCE_KERNELS_LINEAR_H_
