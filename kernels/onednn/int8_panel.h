// int8 products of many tokens with a panel of weight rows, by oneDNN.
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
// the rows [row_begin, row_end); row_begin is a multiple of kRowBlock.  The
// codec is one that unpacks to int8 (CodecInfo::unpack_int8).  Exact on CPUs
// where OneDnnHasVnni(); elsewhere only while all |int8 weights| are at most
// 64, since pairs of products saturate at 16 bits.  Runs in the calling thread.
// False: oneDNN refused, and `out` is unspecified.
bool MultiplyInt8Panel(const QuantizedRows& x, const PackedMatrix& w,
                       int64_t row_begin, int64_t row_end, float* scratch,
                       MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_INT8_PANEL_H_
