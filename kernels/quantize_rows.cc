#include "kernels/quantize_rows.h"

#include "core/checked.h"
#include "kernels/row_tasks.h"

namespace ounce {
namespace {

constexpr int64_t kStrideMultiple = 64;
constexpr int64_t kSumCols = 32;

}  // namespace

QuantizedRows RowQuantizer::Quantize(KernelContext& context,
                                     MatrixView<const float> x) {
  const int64_t stride = RoundUp(x.cols, kStrideMultiple);
  const int64_t sums_stride = stride / kSumCols;
  codes_.resize(static_cast<size_t>(x.rows * stride));
  scales_.resize(static_cast<size_t>(x.rows));
  sums_.resize(static_cast<size_t>(x.rows * sums_stride));
  const auto quantize_row = context.table().quantize_row;
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    quantize_row(x.row(token), x.cols, stride, codes_.data() + token * stride,
                 scales_.data() + token, sums_.data() + token * sums_stride);
  });
  return {codes_.data(), scales_.data(), sums_.data(), x.rows, x.cols, stride};
}

}  // namespace ounce
