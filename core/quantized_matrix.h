// What a quantiser returns: codes and scales, not yet packed into the layout a
// kernel reads (core/packing/).
#ifndef OUNCE_CORE_QUANTIZED_MATRIX_H_
#define OUNCE_CORE_QUANTIZED_MATRIX_H_

#include <cstdint>
#include <vector>

#include "core/checked.h"

namespace ounce {

// A weight [rows = out, cols = in].  weight[r, c] =
// scales[r, g] * (codes[r, c] - zero_points[r, g]) with g = c / group_size.
struct QuantizedMatrix {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t group_size =
      0;  // Columns that share a scale; the last group may be shorter.
  // [rows, cols]: -127..127 for int8; -8..7 for symmetric and progressive int4;
  // 0..15 for int4 with zero points.
  std::vector<int8_t> codes;
  std::vector<float> scales;         // [rows, num_groups()]; may be negative.
  std::vector<uint8_t> zero_points;  // [rows, num_groups()], or empty: all 0.

  int64_t num_groups() const { return DivideUp(cols, group_size); }
};

}  // namespace ounce

#endif  // OUNCE_CORE_QUANTIZED_MATRIX_H_
