// Views of two-dimensional data and an owning float matrix.
#ifndef OUNCE_CORE_TENSOR_H_
#define OUNCE_CORE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

namespace ounce {

using Shape = std::vector<int64_t>;

// "[32, 64]"
inline std::string ShapeString(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Rows of `cols` elements, `stride` elements apart.  Owns nothing.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  MatrixView() = default;
  MatrixView(T* first, int64_t num_rows, int64_t num_cols)
      : MatrixView(first, num_rows, num_cols, num_cols) {}
  MatrixView(T* first, int64_t num_rows, int64_t num_cols, int64_t row_stride)
      : data(first), rows(num_rows), cols(num_cols), stride(row_stride) {}
  // A view of mutable elements is one of const elements.
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }

  T* row(int64_t index) const { return data + index * stride; }
  T& at(int64_t r, int64_t c) const { return data[r * stride + c]; }
  MatrixView Rows(int64_t begin, int64_t end) const {
    return {row(begin), end - begin, cols, stride};
  }
};

// Owns `rows` x `cols` floats, rows adjacent, zero at first.
class Matrix {
 public:
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows_(rows), cols_(cols), values_(static_cast<size_t>(rows * cols)) {}
  Matrix(int64_t rows, int64_t cols, std::initializer_list<float> values)
      : rows_(rows), cols_(cols), values_(values) {}
  Matrix(int64_t rows, int64_t cols, std::vector<float> values)
      : rows_(rows), cols_(cols), values_(std::move(values)) {}

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  float* row(int64_t index) { return values_.data() + index * cols_; }
  const float* row(int64_t index) const {
    return values_.data() + index * cols_;
  }
  absl::Span<const float> values() const { return values_; }
  absl::Span<float> values() { return absl::MakeSpan(values_); }
  MatrixView<float> view() { return {values_.data(), rows_, cols_}; }
  MatrixView<const float> view() const {
    return {values_.data(), rows_, cols_};
  }
  // Changes the shape; the values afterwards are unspecified.
  void Resize(int64_t rows, int64_t cols) {
    rows_ = rows;
    cols_ = cols;
    values_.resize(static_cast<size_t>(rows * cols));
  }

 private:
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  std::vector<float> values_;
};

}  // namespace ounce

#endif  // OUNCE_CORE_TENSOR_H_
