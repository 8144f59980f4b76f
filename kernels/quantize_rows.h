// Quantises activations to int8 once per input, for all the products that share
// it.
#ifndef OUNCE_KERNELS_QUANTIZE_ROWS_H_
#define OUNCE_KERNELS_QUANTIZE_ROWS_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "core/packing/packed_matrix.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/pointwise.h"

namespace ounce {

// The quantised forms of an input: which of MatMulInput's are needed.
struct QuantizedForms {
  bool by_token = false;
  bool by_group = false;

  bool any() const { return by_token || by_group; }
};

// What products with `weights` read.
QuantizedForms FormsFor(std::initializer_list<const PackedMatrix*> weights);

// Owns the quantised forms of one input, reused from call to call.
class RowQuantizer {
 public:
  // `x` [tokens, in], finite values, with every row quantised in `forms`.  The
  // result points into `x` and this object and lives until the next call.
  MatMulInput Quantize(KernelContext& context, MatrixView<const float> x,
                       QuantizedForms forms);
  // `x` normalised into `normed`, and that quantised, in one pass.
  MatMulInput NormAndQuantize(KernelContext& context, const Norm& norm,
                              MatrixView<const float> x,
                              MatrixView<float> normed, QuantizedForms forms);

 private:
  using QuantizeRowKernel = void (*)(const float* x, int64_t cols,
                                     int64_t stride, int8_t* codes,
                                     float* scales, int32_t* sums);

  // One form.
  class Buffer {
   public:
    // Makes room for `rows` tokens of `cols` values with `row_scales` scales
    // each, 0: one per group.
    void Resize(int64_t rows, int64_t cols, int64_t row_scales);
    void Quantize(QuantizeRowKernel kernel, const float* x, int64_t row);
    QuantizedRows view() const {
      return {codes_.data(), scales_.data(), sums_.data(),
              rows_,         cols_,          stride_};
    }

   private:
    int64_t rows_ = 0;
    int64_t cols_ = 0;
    int64_t stride_ = 0;
    int64_t row_scales_ = 0;
    std::vector<int8_t> codes_;
    std::vector<float> scales_;
    std::vector<int32_t> sums_;
  };

  void Resize(int64_t rows, int64_t cols, QuantizedForms forms);
  void QuantizeRow(const KernelTable& table, const float* x, int64_t row,
                   QuantizedForms forms);
  MatMulInput Input(MatrixView<const float> x, QuantizedForms forms) const;

  Buffer by_token_, by_group_;
};

}  // namespace ounce

#endif  // OUNCE_KERNELS_QUANTIZE_ROWS_H_
