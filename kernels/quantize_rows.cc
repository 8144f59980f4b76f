#include "kernels/quantize_rows.h"

#include "core/check.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "kernels/row_tasks.h"

namespace ounce {

QuantizedForms FormsFor(std::initializer_list<const PackedMatrix*> weights) {
  QuantizedForms forms;
  for (const PackedMatrix* w : weights) {
    const CodecInfo& info = GetCodecInfo(w->codec);
    if (!info.quantized) continue;
    // The kernels' groups are those of the sums.
    OUNCE_DCHECK(info.activation_group == 0 ||
                 info.activation_group == kSumCols);
    (info.activation_group == 0 ? forms.by_token : forms.by_group) = true;
  }
  return forms;
}

void RowQuantizer::Buffer::Resize(int64_t rows, int64_t cols,
                                  int64_t row_scales) {
  rows_ = rows;
  cols_ = cols;
  stride_ = RoundUp(cols, kStrideCols);
  row_scales_ = row_scales > 0 ? row_scales : stride_ / kSumCols;
  codes_.resize(static_cast<size_t>(rows * stride_));
  scales_.resize(static_cast<size_t>(rows * row_scales_));
  sums_.resize(static_cast<size_t>(rows * (stride_ / kSumCols)));
}

void RowQuantizer::Buffer::Quantize(QuantizeRowKernel kernel, const float* x,
                                    int64_t row) {
  kernel(x, cols_, stride_, codes_.data() + row * stride_,
         scales_.data() + row * row_scales_,
         sums_.data() + row * (stride_ / kSumCols));
}

void RowQuantizer::Resize(int64_t rows, int64_t cols, QuantizedForms forms) {
  if (forms.by_token) by_token_.Resize(rows, cols, 1);
  if (forms.by_group) by_group_.Resize(rows, cols, 0);
}

void RowQuantizer::QuantizeRow(const KernelTable& table, const float* x,
                               int64_t row, QuantizedForms forms) {
  if (forms.by_token) by_token_.Quantize(table.quantize_row, x, row);
  if (forms.by_group) by_group_.Quantize(table.quantize_row_groups, x, row);
}

MatMulInput RowQuantizer::Input(MatrixView<const float> x,
                                QuantizedForms forms) const {
  MatMulInput input;
  input.dense = x;
  if (forms.by_token) input.quantized = by_token_.view();
  if (forms.by_group) input.grouped = by_group_.view();
  return input;
}

MatMulInput RowQuantizer::Quantize(KernelContext& context,
                                   MatrixView<const float> x,
                                   QuantizedForms forms) {
  Resize(x.rows, x.cols, forms);
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    QuantizeRow(context.table(), x.row(token), token, forms);
  });
  return Input(x, forms);
}

MatMulInput RowQuantizer::NormAndQuantize(KernelContext& context,
                                          const Norm& norm,
                                          MatrixView<const float> x,
                                          MatrixView<float> normed,
                                          QuantizedForms forms) {
  OUNCE_DCHECK(x.rows == normed.rows && x.cols == normed.cols);
  Resize(x.rows, x.cols, forms);
  const KernelTable& table = context.table();
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    NormalizeRow(table, norm, x.row(token), x.cols, normed.row(token));
    QuantizeRow(table, normed.row(token), token, forms);
  });
  return Input(normed, forms);
}

}  // namespace ounce
