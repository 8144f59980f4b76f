#include "quantize/nearest_plane.h"

#include <algorithm>

#include "kernels/multiply_add.h"
#include "quantize/vector_ops.h"

namespace ounce {
namespace {

// Columns whose feedback from those before them is one product.
constexpr int64_t kBlockCols = 128;

}  // namespace

void NearestPlaneRounder::Round(const CodedRows& rows,
                                MatrixView<float> error) {
  const int64_t n = rows.cols();
  permuted_.resize(static_cast<size_t>(rows.rows() * error.stride));
  const MatrixView<float> permuted(permuted_.data(), rows.rows(), n,
                                   error.stride);
  for (int64_t end = n; end > 0;) {
    const int64_t begin = (end - 1) / kBlockCols * kBlockCols;
    const MatrixView<float> feedback = Feedback(permuted, begin, end);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      RoundBlock(rows, row, begin, feedback, permuted.row(row));
    }
    end = begin;
  }
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (int64_t i = 0; i < n; ++i) {
      error.at(row, order_[static_cast<size_t>(i)]) = permuted.at(row, i);
    }
  }
}

// What the errors from `end` on ask of the columns [begin, end), times the
// diagonal of the factor.
MatrixView<float> NearestPlaneRounder::Feedback(MatrixView<const float> errors,
                                                int64_t begin, int64_t end) {
  const int64_t cols = end - begin;
  const int64_t rest = factor_.rows - end;
  feedback_.assign(static_cast<size_t>(errors.rows * PaddedStride(kBlockCols)),
                   0.0f);
  const MatrixView<float> feedback(feedback_.data(), errors.rows, cols,
                                   PaddedStride(kBlockCols));
  MultiplyAdd(
      1.0f,
      {MatrixView<const float>(errors.data + end, errors.rows, rest,
                               errors.stride)},
      {MatrixView<const float>(factor_.data + end * factor_.stride + begin,
                               rest, cols, factor_.stride)},
      feedback);
  return feedback;
}

void NearestPlaneRounder::RoundBlock(const CodedRows& rows, int64_t row,
                                     int64_t begin,
                                     MatrixView<float> block_feedback,
                                     float* errors) {
  float* const feedback = block_feedback.row(row);
  for (int64_t i = begin + block_feedback.cols - 1; i >= begin; --i) {
    const int64_t col = order_[static_cast<size_t>(i)];
    const float* const factor = factor_.row(i);
    const GroupScale group = rows.group(row, col / rows.group_size);
    const float weight = rows.weight.at(row, col);
    const float wanted = weight + feedback[i - begin] / factor[i];
    const float level =
        group.scale == 0.0f ? 0.0f : NearestLevel(wanted, group, rows.grid);
    rows.code(row, col) =
        static_cast<int8_t>(static_cast<int>(level) + group.zero_point);
    const float error = weight - group.scale * level;
    errors[i] = error;
    AddScaled(error, factor + begin, i - begin, feedback);
  }
}

}  // namespace ounce
