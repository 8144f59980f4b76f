// int8 products of many tokens with panels of weight rows, by oneDNN.
#ifndef OUNCE_KERNELS_ONEDNN_INT8_PANEL_H_
#define OUNCE_KERNELS_ONEDNN_INT8_PANEL_H_

#include <cstdint>

#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_table.h"

namespace ounce {

// Floats of scratch that MultiplyInt8Panel needs for `rows` rows.
int64_t Int8PanelScratch(const PackedMatrix& w, int64_t rows);

// The product that KernelTable states for the codec of `w`, bit for bit, for
// the rows [row_begin, row_end); row_begin is a multiple of kRowBlock.  `x` has
// its unsigned codes, `scratch` is 64-byte aligned, and `table` unpacks the
// codec to panels.  Exact where OneDnnHasVnni().  Runs in the calling thread,
// which keeps what oneDNN compiled for the shape.  False: oneDNN refused, and
// `out` is unspecified.
bool MultiplyInt8Panel(const KernelTable& table, const QuantizedRows& x,
                       const PackedMatrix& w, int64_t row_begin,
                       int64_t row_end, float* scratch, MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_INT8_PANEL_H_
