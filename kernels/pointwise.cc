#include "kernels/pointwise.h"

#include "core/check.h"
#include "kernels/row_tasks.h"

namespace ounce {

void RmsNorm(KernelContext& context, MatrixView<const float> x,
             const float* weight, float epsilon, MatrixView<float> out) {
  OUNCE_DCHECK(x.rows == out.rows && x.cols == out.cols);
  const auto rms_norm = context.table().rms_norm;
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    rms_norm(x.row(token), weight, x.cols, epsilon, out.row(token));
  });
}

void Rotary(KernelContext& context, MatrixView<const float> cos,
            MatrixView<const float> sin, int64_t head_dim,
            MatrixView<float> x) {
  OUNCE_DCHECK(cos.rows == x.rows && sin.rows == x.rows);
  OUNCE_DCHECK(cos.cols == sin.cols && 2 * cos.cols <= head_dim);
  OUNCE_DCHECK(x.cols % head_dim == 0);
  const auto rotary = context.table().rotary;
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t token) {
    float* row = x.row(token);
    for (int64_t c = 0; c < x.cols; c += head_dim) {
      rotary(row + c, cos.row(token), sin.row(token), 2 * cos.cols);
    }
  });
}

void GatedActivation(KernelContext& context, Activation activation,
                     MatrixView<const float> up, MatrixView<float> gate) {
  OUNCE_DCHECK(up.rows == gate.rows && up.cols == gate.cols);
  const auto gated_activation = context.table().gated_activation;
  ForEachRow(context.pool(), gate.rows, gate.cols, [&](int64_t token) {
    gated_activation(activation, gate.row(token), up.row(token), gate.cols,
                     gate.row(token));
  });
}

void Add(KernelContext& context, MatrixView<const float> y,
         MatrixView<float> x) {
  OUNCE_DCHECK(x.rows == y.rows && x.cols == y.cols);
  const auto add = context.table().add;
  ForEachRow(context.pool(), x.rows, x.cols,
             [&](int64_t token) { add(y.row(token), x.cols, x.row(token)); });
}

}  // namespace ounce
