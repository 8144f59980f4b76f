#include "kernels/gram.h"

#include <algorithm>

#include "core/check.h"
#include "core/checked.h"
#include "kernels/multiply_add.h"

namespace ounce {
namespace {

// Large enough for products near the peak; the wasted half of the tiles on the
// diagonal is then a twelfth of the work at a width of 2048.
constexpr int64_t kTile = 192;
// Between rows of a tile's columns, copied together: a stride that is a power
// of two, as the width often is, would map all rows to the same cache sets and
// halve the speed.
constexpr int64_t kPanelStride = kTile + 16;
// Squares of this size are transposed in the first-level cache.
constexpr int64_t kMirrorTile = 64;

// The columns of `x` tile by tile.
class Panels {
 public:
  static int64_t Floats(MatrixView<const float> x) {
    return DivideUp(x.cols, kTile) * x.rows * kPanelStride;
  }

  // `data` has room for Floats(x).
  Panels(KernelContext& context, MatrixView<const float> x, float* data)
      : x_(x), data_(data) {
    context.pool().Run(DivideUp(x.cols, kTile),
                       [&](int64_t tile, int) { Copy(tile); });
  }

  MatrixView<float> panel(int64_t tile) const {
    return {data_ + tile * x_.rows * kPanelStride, x_.rows,
            std::min(kTile, x_.cols - tile * kTile), kPanelStride};
  }

 private:
  void Copy(int64_t tile) {
    const MatrixView<float> out = panel(tile);
    for (int64_t token = 0; token < x_.rows; ++token) {
      std::copy_n(x_.row(token) + tile * kTile, out.cols, out.row(token));
    }
  }

  const MatrixView<const float> x_;
  float* const data_;
};

struct Tile {
  int64_t row;
  int64_t col;  // At most `row`.
};

// Tiles of a lower triangle, counted row after row.
Tile TileOf(int64_t index) {
  int64_t row = 0;
  while (index > row) index -= ++row;
  return {row, index};
}

int64_t NumTiles(int64_t width, int64_t tile) {
  const int64_t side = DivideUp(width, tile);
  return side * (side + 1) / 2;
}

void MirrorTile(Tile tile, MatrixView<float> matrix) {
  const int64_t row_begin = tile.row * kMirrorTile;
  const int64_t col_begin = tile.col * kMirrorTile;
  const int64_t row_end = std::min(matrix.rows, row_begin + kMirrorTile);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const int64_t col_end = std::min(row, col_begin + kMirrorTile);
    for (int64_t col = col_begin; col < col_end; ++col) {
      matrix.at(col, row) = matrix.at(row, col);
    }
  }
}

}  // namespace

void AddGram(KernelContext& context, MatrixView<const float> x,
             MatrixView<float> sum) {
  OUNCE_DCHECK(sum.rows == x.cols && sum.cols == x.cols);
  const Panels panels(context, x, context.SharedFloats(Panels::Floats(x)));
  context.pool().Run(NumTiles(x.cols, kTile), [&](int64_t index, int) {
    const Tile tile = TileOf(index);
    const MatrixView<float> left = panels.panel(tile.row);
    const MatrixView<float> right = panels.panel(tile.col);
    MultiplyAdd(1.0f, {left, true}, {right, false},
                {&sum.at(tile.row * kTile, tile.col * kTile), left.cols,
                 right.cols, sum.stride});
  });
}

void AddCrossGram(KernelContext& context, MatrixView<const float> a,
                  MatrixView<const float> b, MatrixView<float> sum) {
  OUNCE_DCHECK(a.rows == b.rows && a.cols == b.cols);
  OUNCE_DCHECK(sum.rows == a.cols && sum.cols == a.cols);
  const int64_t floats = Panels::Floats(a);
  float* const data = context.SharedFloats(2 * floats);
  const Panels lefts(context, a, data);
  const Panels rights(context, b, data + floats);
  const int64_t side = DivideUp(a.cols, kTile);
  context.pool().Run(side * side, [&](int64_t index, int) {
    const Tile tile = {index / side, index % side};
    const MatrixView<float> left = lefts.panel(tile.row);
    const MatrixView<float> right = rights.panel(tile.col);
    MultiplyAdd(1.0f, {left, true}, {right, false},
                {&sum.at(tile.row * kTile, tile.col * kTile), left.cols,
                 right.cols, sum.stride});
  });
}

void MirrorLowerTriangle(KernelContext& context, MatrixView<float> matrix) {
  OUNCE_DCHECK(matrix.rows == matrix.cols);
  context.pool().Run(
      NumTiles(matrix.rows, kMirrorTile),
      [&](int64_t index, int) { MirrorTile(TileOf(index), matrix); });
}

}  // namespace ounce
