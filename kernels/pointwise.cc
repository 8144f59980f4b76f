#include "kernels/pointwise.h"

#include "core/check.h"
#include "kernels/row_tasks.h"

namespace ounce {

namespace {

// As KernelTable::rotary, of neighbours.
void RotateAdjacent(float* x, const float* cos, const float* sin,
                    int64_t dims) {
  for (int64_t i = 0; i < dims / 2; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cos[i] - b * sin[i];
    x[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

}  // namespace

void NormalizeRow(const KernelTable& table, const Norm& norm, const float* x,
                  int64_t width, float* out) {
  if (norm.kind == Norm::Kind::kLayer) {
    table.layer_norm(x, norm.weight, norm.bias, width, norm.epsilon, out);
  } else {
    table.rms_norm(x, norm.weight, width, norm.epsilon, out);
  }
}

void Normalize(KernelContext& context, const Norm& norm,
               MatrixView<const float> x, MatrixView<float> out) {
  OUNCE_DCHECK(x.rows == out.rows && x.cols == out.cols);
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t row) {
    NormalizeRow(context.table(), norm, x.row(row), x.cols, out.row(row));
  });
}

void Rotary(KernelContext& context, MatrixView<const float> cos,
            MatrixView<const float> sin, int64_t head_dim, MatrixView<float> x,
            RotaryPairs pairs) {
  OUNCE_DCHECK(cos.rows == x.rows && sin.rows == x.rows);
  OUNCE_DCHECK(cos.cols == sin.cols && 2 * cos.cols <= head_dim);
  OUNCE_DCHECK(x.cols % head_dim == 0);
  const auto rotary =
      pairs == RotaryPairs::kHalves ? context.table().rotary : &RotateAdjacent;
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

void Activate(KernelContext& context, Activation activation,
              MatrixView<float> x) {
  const auto activate = context.table().activate;
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t row) {
    activate(activation, x.row(row), x.cols, x.row(row));
  });
}

void SoftCap(KernelContext& context, float cap, MatrixView<float> x) {
  const auto soft_cap = context.table().soft_cap;
  ForEachRow(context.pool(), x.rows, x.cols,
             [&](int64_t row) { soft_cap(cap, x.cols, x.row(row)); });
}

void Scale(KernelContext& context, float factor, MatrixView<float> x) {
  ForEachRow(context.pool(), x.rows, x.cols, [&](int64_t row) {
    float* values = x.row(row);
    for (int64_t c = 0; c < x.cols; ++c) values[c] *= factor;
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
