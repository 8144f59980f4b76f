// Rows of a weight and the codes and scales that stand for them, while a method
// is still at work on them.
#ifndef OUNCE_QUANTIZE_CODED_ROWS_H_
#define OUNCE_QUANTIZE_CODED_ROWS_H_

#include <algorithm>
#include <cstdint>

#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/tensor.h"
#include "quantize/grid.h"

namespace ounce {

// Owns nothing.  weight[r, c] is near scale * (code - zero point), as in
// core/quantized_matrix.h.
struct CodedRows {
  const CodecInfo* codec = nullptr;
  Grid grid = {};
  int64_t group_size = 0;
  MatrixView<const float> weight;
  int8_t* codes = nullptr;         // [rows, cols]
  float* scales = nullptr;         // [rows, groups]
  uint8_t* zero_points = nullptr;  // [rows, groups], or null: all 0.
  float* units = nullptr;  // [rows]; of codecs with CodecInfo::max_multiple.

  int64_t rows() const { return weight.rows; }
  int64_t cols() const { return weight.cols; }
  int64_t num_groups() const { return DivideUp(cols(), group_size); }

  CodedRows Rows(int64_t begin, int64_t end) const {
    CodedRows part = *this;
    part.weight = weight.Rows(begin, end);
    part.codes += begin * cols();
    part.scales += begin * num_groups();
    if (zero_points != nullptr) part.zero_points += begin * num_groups();
    if (units != nullptr) part.units += begin;
    return part;
  }
  GroupScale group(int64_t row, int64_t g) const {
    const int64_t index = row * num_groups() + g;
    return {scales[index], zero_points == nullptr ? 0 : zero_points[index]};
  }
  float& scale(int64_t row, int64_t g) const {
    return scales[row * num_groups() + g];
  }
  int8_t& code(int64_t row, int64_t col) const {
    return codes[row * cols() + col];
  }
  // The scale that would be stored for `wanted` in this row.
  float Rounded(int64_t row, float wanted) const {
    return codec->round_scale(wanted, units == nullptr ? 0.0f : units[row]);
  }
  // weight - scale * (code - zero point).
  float ErrorAt(int64_t row, int64_t col) const {
    const GroupScale own = group(row, col / group_size);
    return weight.at(row, col) -
           own.scale * static_cast<float>(code(row, col) - own.zero_point);
  }
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_CODED_ROWS_H_
