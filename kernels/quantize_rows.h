// Quantises activations to int8 once per input, for all the products that share
// it.
#ifndef OUNCE_KERNELS_QUANTIZE_ROWS_H_
#define OUNCE_KERNELS_QUANTIZE_ROWS_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

// Owns the quantised form of one input, reused from call to call.
class RowQuantizer {
 public:
  // Quantises every row of `x` [tokens, in], finite values.  The result points
  // into this object and lives until the next call.
  QuantizedRows Quantize(KernelContext& context, MatrixView<const float> x);

 private:
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace ounce

#endif  // OUNCE_KERNELS_QUANTIZE_ROWS_H_
