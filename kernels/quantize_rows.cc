#include "kernels/quantize_rows.h"

#include "core/check.h"
#include "core/checked.h"
#include "kernels/row_tasks.h"

namespace ounce {

void RowQuantizer::Resize(int64_t rows, int64_t cols) {
  rows_ = rows;
  cols_ = cols;
  stride_ = RoundUp(cols, kStrideCols);
  codes_.resize(static_cast<size_t>(rows * stride_));
  scales_.resize(static_cast<size_t>(rows));
  sums_.resize(static_cast<size_t>(rows * (stride_ / kSumCols)));
}

void RowQuantizer::QuantizeRow(const KernelTable& table, const float* x,
                               int64_t row) {
  table.quantize_row(x, cols_, stride_, codes_.data() + row * stride_,
                     scales_.data() + row,
                     sums_.data() + row * (stride_ / kSumCols));
}

QuantizedRows RowQuantizer::Quantize(KernelContext& context,
                                     MatrixView<const float> x) {
  Resize(x.rows, x.cols);
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    QuantizeRow(context.table(), x.row(token), token);
  });
  return {codes_.data(), scales_.data(), sums_.data(), rows_, cols_, stride_};
}

QuantizedRows RowQuantizer::NormAndQuantize(KernelContext& context,
                                            const Norm& norm,
                                            MatrixView<const float> x,
                                            MatrixView<float> normed) {
  OUNCE_DCHECK(x.rows == normed.rows && x.cols == normed.cols);
  Resize(x.rows, x.cols);
  const KernelTable& table = context.table();
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    NormalizeRow(table, norm, x.row(token), x.cols, normed.row(token));
    QuantizeRow(table, normed.row(token), token);
  });
  return {codes_.data(), scales_.data(), sums_.data(), rows_, cols_, stride_};
}

}  // namespace ounce
