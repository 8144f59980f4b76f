#include "quantize/error_propagation.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/checked.h"
#include "kernels/multiply_add.h"
#include "quantize/cholesky.h"
#include "quantize/vector_ops.h"

namespace ounce {
namespace {

constexpr int64_t kTaskRows = 128;
constexpr int64_t kBlock = 64;  // Columns that are solved one by one.

struct Range {
  int64_t begin;
  int64_t end;
};

// Columns of `rows`.
MatrixView<float> Columns(MatrixView<float> rows, Range range) {
  return {rows.data + range.begin, rows.rows, range.end - range.begin,
          rows.stride};
}
MatrixView<const float> Part(MatrixView<const float> factor, Range rows,
                             Range cols) {
  return {factor.row(rows.begin) + cols.begin, rows.end - rows.begin,
          cols.end - cols.begin, factor.stride};
}

// Rows z with z L^T = b in place of b.
void SolveForward(MatrixView<const float> factor, MatrixView<float> rows) {
  for (int64_t begin = 0; begin < factor.rows; begin += kBlock) {
    const Range block = {begin, std::min(factor.rows, begin + kBlock)};
    for (int64_t r = 0; r < rows.rows; ++r) {
      float* const row = rows.row(r);
      for (int64_t i = block.begin; i < block.end; ++i) {
        const double known =
            DotProduct(factor.row(i) + begin, row + begin, i - begin);
        row[i] = static_cast<float>((row[i] - known) / factor.at(i, i));
      }
    }
    const Range rest = {block.end, factor.rows};
    if (rest.begin == rest.end) return;
    MultiplyAdd(-1.0f, {Columns(rows, block), false},
                {Part(factor, rest, block), true}, Columns(rows, rest));
  }
}

// Rows z with z L = b in place of b.
void SolveBackward(MatrixView<const float> factor, MatrixView<float> rows) {
  for (int64_t end = factor.rows; end > 0;) {
    const Range block = {(end - 1) / kBlock * kBlock, end};
    for (int64_t r = 0; r < rows.rows; ++r) {
      float* const row = rows.row(r);
      for (int64_t i = block.end; i-- > block.begin;) {
        row[i] /= factor.at(i, i);
        AddScaled(-row[i], factor.row(i) + block.begin, i - block.begin,
                  row + block.begin);
      }
    }
    const Range rest = {0, block.begin};
    if (rest.end > 0) {
      MultiplyAdd(-1.0f, {Columns(rows, block), false},
                  {Part(factor, block, rest), false}, Columns(rows, rest));
    }
    end = block.begin;
  }
}

}  // namespace

absl::StatusOr<Matrix> PropagateError(KernelContext& context,
                                      MatrixView<const float> weight,
                                      const InputDrift& input,
                                      const PropagationOptions& options) {
  const int64_t in = weight.cols;
  std::vector<float> data(static_cast<size_t>(in * PaddedStride(in)));
  const MatrixView<float> factor(data.data(), in, in, PaddedStride(in));
  for (int64_t i = 0; i < in; ++i) {
    std::copy_n(input.second_moment.row(i), in, factor.row(i));
    const float own = factor.at(i, i);
    // A dead channel: whatever is not 0 will do.
    factor.at(i, i) =
        own == 0.0f ? 1.0f : static_cast<float>(own * (1.0 + options.damping));
  }
  if (FactorCholesky(context, factor).has_value()) {
    return absl::FailedPreconditionError(
        "the second moments of its input are not positive definite; collect "
        "more calibration tokens or raise the damping");
  }
  Matrix moved(weight.rows, in);
  const auto strength = static_cast<float>(options.strength);
  context.pool().Run(DivideUp(weight.rows, kTaskRows), [&](int64_t task, int) {
    const int64_t begin = task * kTaskRows;
    const int64_t end = std::min(weight.rows, begin + kTaskRows);
    const MatrixView<const float> own = weight.Rows(begin, end);
    std::vector<float> part(static_cast<size_t>(own.rows * PaddedStride(in)));
    const MatrixView<float> rows(part.data(), own.rows, in, PaddedStride(in));
    MultiplyAdd(strength, {own, false}, {input.drift, false}, rows);
    SolveForward(factor, rows);
    SolveBackward(factor, rows);
    for (int64_t r = 0; r < own.rows; ++r) {
      std::transform(own.row(r), own.row(r) + in, rows.row(r),
                     moved.row(begin + r),
                     [](float old, float change) { return old + change; });
    }
  });
  return moved;
}

}  // namespace ounce
