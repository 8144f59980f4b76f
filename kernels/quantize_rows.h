// Quantises activations to int8 once per input, for all the products that share
// it.
#ifndef OUNCE_KERNELS_QUANTIZE_ROWS_H_
#define OUNCE_KERNELS_QUANTIZE_ROWS_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/pointwise.h"

namespace ounce {

// Owns the quantised form of one input, reused from call to call.
class RowQuantizer {
 public:
  // Quantises every row of `x` [tokens, in], finite values.  The result points
  // into this object and lives until the next call.
  QuantizedRows Quantize(KernelContext& context, MatrixView<const float> x);
  // `x` normalised into `normed`, and that quantised, in one pass.
  QuantizedRows NormAndQuantize(KernelContext& context, const Norm& norm,
                                MatrixView<const float> x,
                                MatrixView<float> normed);

 private:
  // Makes room for `rows` tokens of `cols` values.
  void Resize(int64_t rows, int64_t cols);
  void QuantizeRow(const KernelTable& table, const float* x, int64_t row);

  int64_t rows_ = 0;
  int64_t cols_ = 0;
  int64_t stride_ = 0;
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace ounce

#endif  // OUNCE_KERNELS_QUANTIZE_ROWS_H_
