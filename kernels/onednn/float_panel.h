// Float products of many tokens with a panel of weight rows, by oneDNN.
#ifndef OUNCE_KERNELS_ONEDNN_FLOAT_PANEL_H_
#define OUNCE_KERNELS_ONEDNN_FLOAT_PANEL_H_

#include <cstdint>

#include "core/packing/packed_matrix.h"
#include "core/tensor.h"

namespace ounce {

// Floats of scratch that MultiplyFloatPanel needs for `rows` rows.
int64_t FloatPanelScratch(const PackedMatrix& w, int64_t rows);

// out[t, r] = sum over c of x[t, c] * w[r, c] for r in [row_begin, row_end) and
// a float codec.  Runs in the calling thread.  The bits of the result depend on
// the number of tokens and rows, so callers cut panels of fixed size.  False:
// oneDNN refused or has no such product on this architecture, and `out` is
// unspecified.
bool MultiplyFloatPanel(MatrixView<const float> x, const PackedMatrix& w,
                        int64_t row_begin, int64_t row_end, float* scratch,
                        MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_FLOAT_PANEL_H_
