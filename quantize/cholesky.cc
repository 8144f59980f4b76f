#include "quantize/cholesky.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.h"
#include "core/checked.h"
#include "kernels/multiply_add.h"

namespace ounce {
namespace {

constexpr int64_t kBlock = 128;
// Rows below a diagonal block that are one task.
constexpr int64_t kTileRows = 192;
constexpr double kLeastPivot = 0x1p-22;

// One block of the diagonal: its factor, and the inverse of that.
class DiagonalBlock {
 public:
  // `diagonal` is what the whole matrix had there.
  std::optional<int64_t> Factor(MatrixView<float> block,
                                const float* diagonal) {
    const int64_t n = block.rows;
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t col = 0; col <= row; ++col) {
        const double rest =
            double{block.at(row, col)} - Dot(factor_[row], factor_[col], col);
        if (col < row) {
          factor_[row][col] = rest / factor_[col][col];
        } else if (rest > kLeastPivot * double{diagonal[row]}) {
          factor_[row][row] = std::sqrt(rest);
        } else {
          return row;
        }
        block.at(row, col) = static_cast<float>(factor_[row][col]);
      }
    }
    Invert(n);
    return std::nullopt;
  }

  // rows = rows * L^-T.
  void DivideRows(MatrixView<float> rows) const {
    std::vector<float> copy(static_cast<size_t>(rows.rows * rows.cols));
    const MatrixView<float> source(copy.data(), rows.rows, rows.cols);
    for (int64_t row = 0; row < rows.rows; ++row) {
      std::copy_n(rows.row(row), rows.cols, source.row(row));
      std::fill_n(rows.row(row), rows.cols, 0.0f);
    }
    MultiplyAdd(
        1.0f, {source},
        {MatrixView<const float>(inverse_, rows.cols, rows.cols, kBlock), true},
        rows);
  }

 private:
  static double Dot(const double* a, const double* b, int64_t count) {
    double sum = 0.0;
    for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
    return sum;
  }

  // Column by column; `column_` is contiguous, so that Dot() serves.
  void Invert(int64_t n) {
    for (int64_t col = 0; col < n; ++col) {
      for (int64_t row = 0; row < n; ++row) {
        const double unit = row == col ? 1.0 : 0.0;
        column_[row] =
            row < col
                ? 0.0
                : (unit - Dot(factor_[row] + col, column_ + col, row - col)) /
                      factor_[row][row];
        inverse_[row * kBlock + col] = static_cast<float>(column_[row]);
      }
    }
  }

  double factor_[kBlock][kBlock];
  double column_[kBlock];
  float inverse_[kBlock * kBlock];
};

// Rows [row, row + rows) and columns [col, col + cols) of `matrix`.
MatrixView<float> Part(MatrixView<float> matrix, int64_t row, int64_t rows,
                       int64_t col, int64_t cols) {
  return {&matrix.at(row, col), rows, cols, matrix.stride};
}

}  // namespace

std::optional<int64_t> FactorCholesky(KernelContext& context,
                                      MatrixView<float> matrix) {
  OUNCE_DCHECK(matrix.rows == matrix.cols);
  const int64_t n = matrix.rows;
  std::vector<float> diagonal;
  for (int64_t i = 0; i < n; ++i) diagonal.push_back(matrix.at(i, i));
  std::vector<DiagonalBlock> block(1);  // Too large for a stack.
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t cols = std::min(kBlock, n - begin);
    const auto for_each_tile = [&](int64_t first_row, auto body) {
      context.pool().Run(DivideUp(n - first_row, kTileRows),
                         [&](int64_t task, int) {
                           const int64_t row = first_row + task * kTileRows;
                           body(row, std::min(kTileRows, n - row));
                         });
    };
    // What the columns before these leave of them.
    for_each_tile(begin, [&](int64_t row, int64_t rows) {
      MultiplyAdd(-1.0f, {Part(matrix, row, rows, 0, begin)},
                  {Part(matrix, begin, cols, 0, begin), true},
                  Part(matrix, row, rows, begin, cols));
    });
    const std::optional<int64_t> failed = block[0].Factor(
        Part(matrix, begin, cols, begin, cols), diagonal.data() + begin);
    if (failed.has_value()) return begin + *failed;
    for_each_tile(begin + cols, [&](int64_t row, int64_t rows) {
      block[0].DivideRows(Part(matrix, row, rows, begin, cols));
    });
  }
  return std::nullopt;
}

}  // namespace ounce
