// The Cholesky factor of large symmetric matrices.
#ifndef OUNCE_QUANTIZE_CHOLESKY_H_
#define OUNCE_QUANTIZE_CHOLESKY_H_

#include <cstdint>
#include <optional>

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// Replaces the lower triangle of a symmetric `matrix` [n, n], of which only
// that is read, by L with matrix = L L^T; the strict upper triangle is
// unspecified afterwards.  In f32, diagonal blocks in f64; rows should not be a
// power of two apart.  Bits do not depend on the number of threads.
//
// Returns the first column whose pivot, what the columns before it leave of its
// diagonal, is not above f32's rounding, about 2e-7 of the diagonal, or not a
// number: the matrix is not positive definite, as far as f32 can tell, and is
// then unspecified.  nullopt: L is complete.
std::optional<int64_t> FactorCholesky(KernelContext& context,
                                      MatrixView<float> matrix);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_CHOLESKY_H_
