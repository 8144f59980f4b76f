// Rows with codes and scales that tests own.
#ifndef OUNCE_TESTS_QUANTIZE_CODED_FIXTURE_H_
#define OUNCE_TESTS_QUANTIZE_CODED_FIXTURE_H_

#include <vector>

#include "core/quantized_matrix.h"
#include "quantize/coded_rows.h"
#include "quantize/round_to_nearest.h"
#include "quantize/vector_ops.h"

namespace ounce {

// Round-to-nearest's codes of a weight, and their errors.
class CodedFixture {
 public:
  CodedFixture(const Matrix& weight, const QuantizeOptions& options)
      : weight_(weight),
        matrix_(QuantizeRoundToNearest(weight.view(), options)->weight),
        error_(weight.rows(), PaddedStride(weight.cols())) {
    rows_.codec = &GetCodecInfo(options.codec);
    rows_.grid = GridOf(options.codec);
    rows_.group_size = matrix_.group_size;
    rows_.weight = weight_.view();
    rows_.codes = matrix_.codes.data();
    rows_.scales = matrix_.scales.data();
    if (rows_.grid.has_zero_point) {
      rows_.zero_points = matrix_.zero_points.data();
    }
    SetErrors();
  }
  CodedFixture(const CodedFixture&) = delete;
  CodedFixture& operator=(const CodedFixture&) = delete;

  void SetErrors() {
    for (int64_t row = 0; row < weight_.rows(); ++row) {
      for (int64_t col = 0; col < weight_.cols(); ++col) {
        error_.row(row)[col] = rows_.ErrorAt(row, col);
      }
    }
  }
  // The units of the rows' scales.
  void SetUnits(std::vector<float> units) {
    units_ = std::move(units);
    rows_.units = units_.data();
  }

  const CodedRows& rows() const { return rows_; }
  const QuantizedMatrix& matrix() const { return matrix_; }
  MatrixView<float> error() {
    return {error_.row(0), weight_.rows(), weight_.cols(), error_.cols()};
  }
  std::vector<int> Codes() const {
    return {matrix_.codes.begin(), matrix_.codes.end()};
  }

 private:
  const Matrix weight_;
  QuantizedMatrix matrix_;
  Matrix error_;
  std::vector<float> units_;
  CodedRows rows_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_QUANTIZE_CODED_FIXTURE_H_
