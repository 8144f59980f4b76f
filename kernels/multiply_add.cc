#include "kernels/multiply_add.h"

#include <algorithm>
#include <vector>

#include "core/check.h"
#include "core/checked.h"

namespace ounce {
namespace {

// A part of `b` that stays in the second-level cache: 128 KiB.
constexpr int64_t kPartRows = 64;
constexpr int64_t kPartCols = 512;
// Rows of `b` that are added to a row of `c` at once.
constexpr int64_t kRowsAtOnce = 4;

float At(const Factor& factor, int64_t row, int64_t col) {
  return factor.transposed ? factor.matrix.at(col, row)
                           : factor.matrix.at(row, col);
}

// Rows and columns of `b`, rows adjacent, zeros up to whole kRowsAtOnce.
void CopyPart(const Factor& b, int64_t row, int64_t col,
              MatrixView<float> part) {
  for (int64_t r = 0; r < part.rows; ++r) {
    for (int64_t c = 0; c < part.cols; ++c) {
      part.at(r, c) = row + r < b.rows() ? At(b, row + r, col + c) : 0.0f;
    }
  }
}

// sum [cols] += the four rows from `rows` on, each times its factor.
void AddFourRows(const float (&factors)[kRowsAtOnce], const float* rows,
                 int64_t cols, float* sum) {
  const float* const second = rows + kPartCols;
  const float* const third = second + kPartCols;
  const float* const fourth = third + kPartCols;
  for (int64_t c = 0; c < cols; ++c) {
    sum[c] += factors[0] * rows[c] + factors[1] * second[c] +
              (factors[2] * third[c] + factors[3] * fourth[c]);
  }
}

}  // namespace

namespace internal {

void PlainMultiplyAdd(float alpha, const Factor& a, const Factor& b,
                      MatrixView<float> c) {
  std::vector<float> copy(static_cast<size_t>(kPartRows * kPartCols));
  for (int64_t k = 0; k < b.rows(); k += kPartRows) {
    const int64_t rows = std::min(kPartRows, b.rows() - k);
    for (int64_t col = 0; col < c.cols; col += kPartCols) {
      const int64_t cols = std::min(kPartCols, c.cols - col);
      CopyPart(b, k, col,
               {copy.data(), RoundUp(rows, kRowsAtOnce), cols, kPartCols});
      for (int64_t row = 0; row < c.rows; ++row) {
        for (int64_t r = 0; r < rows; r += kRowsAtOnce) {
          float factors[kRowsAtOnce] = {};
          for (int64_t i = 0; i < std::min(kRowsAtOnce, rows - r); ++i) {
            factors[i] = alpha * At(a, row, k + r + i);
          }
          AddFourRows(factors, copy.data() + r * kPartCols, cols,
                      c.row(row) + col);
        }
      }
    }
  }
}

}  // namespace internal

void MultiplyAdd(float alpha, const Factor& a, const Factor& b,
                 MatrixView<float> c) {
  OUNCE_DCHECK(a.rows() == c.rows && b.cols() == c.cols);
  OUNCE_DCHECK(a.cols() == b.rows());
  if (c.rows == 0 || c.cols == 0 || a.cols() == 0) return;
  if (OneDnnMultiplyAdd(alpha, a, b, c)) return;
  internal::PlainMultiplyAdd(alpha, a, b, c);
}

}  // namespace ounce
