// The product of two float matrices, added to a third: what the numerical work
// around a model is made of, where Linear() is what a model itself is.
#ifndef OUNCE_KERNELS_MULTIPLY_ADD_H_
#define OUNCE_KERNELS_MULTIPLY_ADD_H_

#include "core/tensor.h"
#include "kernels/onednn/sgemm.h"

namespace ounce {

// c [m, n] += alpha * a [m, k] * b [k, n], all finite, in f32 in the calling
// thread; `c` overlaps neither factor.  The order of summation, and with it the
// bits, depends on the shapes alone: callers that cut work for threads cut it
// the same for any number of them.  Near the core's float peak from sizes of
// about 128 on; where oneDNN has no such product (ARM), plain loops.
void MultiplyAdd(float alpha, const Factor& a, const Factor& b,
                 MatrixView<float> c);

namespace internal {

// The plain loops.
void PlainMultiplyAdd(float alpha, const Factor& a, const Factor& b,
                      MatrixView<float> c);

}  // namespace internal
}  // namespace ounce

#endif  // OUNCE_KERNELS_MULTIPLY_ADD_H_
