// The product of two float matrices, by oneDNN.
#ifndef OUNCE_KERNELS_ONEDNN_SGEMM_H_
#define OUNCE_KERNELS_ONEDNN_SGEMM_H_

#include "core/tensor.h"

namespace ounce {

// A matrix as a factor of a product: [rows, cols], or its transpose.
struct Factor {
  MatrixView<const float> matrix;
  bool transposed = false;

  int64_t rows() const { return transposed ? matrix.cols : matrix.rows; }
  int64_t cols() const { return transposed ? matrix.rows : matrix.cols; }
};

// c += alpha * a * b.  Runs in the calling thread.  The bits of the result
// depend on the shapes.  False: oneDNN refused or has no such product on this
// architecture, and `c` is as it was.
bool OneDnnMultiplyAdd(float alpha, const Factor& a, const Factor& b,
                       MatrixView<float> c);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_SGEMM_H_
