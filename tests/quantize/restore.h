// What a quantised matrix stands for, as core/quantized_matrix.h defines it.
#ifndef OUNCE_TESTS_QUANTIZE_RESTORE_H_
#define OUNCE_TESTS_QUANTIZE_RESTORE_H_

#include <cstdint>
#include <vector>

#include "core/quantized_matrix.h"
#include "core/tensor.h"

namespace ounce {

// scales[r, g] * (codes[r, c] - zero_points[r, g]), row after row.
inline std::vector<float> Restore(const QuantizedMatrix& matrix) {
  std::vector<float> values;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    for (int64_t c = 0; c < matrix.cols; ++c) {
      const auto group = static_cast<size_t>(row * matrix.num_groups() +
                                             c / matrix.group_size);
      const int zero_point =
          matrix.zero_points.empty() ? 0 : matrix.zero_points[group];
      const int code = matrix.codes[static_cast<size_t>(row * matrix.cols + c)];
      values.push_back(matrix.scales[group] *
                       static_cast<float>(code - zero_point));
    }
  }
  return values;
}

// Sum of the squared differences.
inline double SquaredDistance(const Matrix& weight,
                              const QuantizedMatrix& matrix) {
  const std::vector<float> restored = Restore(matrix);
  double sum = 0.0;
  for (size_t i = 0; i < restored.size(); ++i) {
    const double error = double{weight.values()[i]} - double{restored[i]};
    sum += error * error;
  }
  return sum;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_QUANTIZE_RESTORE_H_
