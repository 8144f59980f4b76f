// oneDNN's matmul primitive for unsigned activations and int8 weights.
#ifndef OUNCE_KERNELS_ONEDNN_INT8_MATMUL_H_
#define OUNCE_KERNELS_ONEDNN_INT8_MATMUL_H_

#include <cstdint>

namespace ounce {

struct Int8MatmulShape {
  int64_t tokens;
  int64_t cols;  // A multiple of 64.
  int64_t rows;  // A multiple of kPanelRows.
};

// sums[t, r] = sum over c of x[t, c] * w[r, c], wrapping around in int32.
//   x     [tokens, cols], unsigned
//   w     Int8Panels::codes
//   sums  [tokens, rows]
// Runs in the calling thread, which compiles the product for a shape it has not
// seen (about a millisecond) and keeps it.  False: oneDNN has no such product.
bool Int8Matmul(const Int8MatmulShape& shape, const uint8_t* x, const int8_t* w,
                int32_t* sums);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ONEDNN_INT8_MATMUL_H_
