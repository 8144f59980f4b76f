#include "quantize/quadratic_refine.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/multiply_add.h"
#include "quantize/vector_ops.h"

namespace ounce {
namespace {

// Columns of a block: whole groups of every size that codecs have.
constexpr int64_t kBlockCols = 128;
// Where nothing changes on the way, wider products are faster.
constexpr int64_t kWideCols = 512;
// Visits of a block's codes for each product: once is most of the gain, and
// what the visits move is seen at once by the next.
constexpr int kBlockVisits = 3;

// `left` [rows, n] times `columns` [n, cols], into `buffer`.
MatrixView<float> Multiply(MatrixView<const float> left,
                           MatrixView<const float> columns,
                           std::vector<float>* buffer) {
  const int64_t stride = PaddedStride(columns.cols);
  buffer->assign(static_cast<size_t>(left.rows * stride), 0.0f);
  const MatrixView<float> out(buffer->data(), left.rows, columns.cols, stride);
  MultiplyAdd(1.0f, {left}, {columns}, out);
  return out;
}

// Columns [begin, begin + cols) of a matrix, or as many as there are.
MatrixView<const float> Columns(MatrixView<const float> matrix, int64_t begin,
                                int64_t cols) {
  return {matrix.data + begin, matrix.rows, std::min(cols, matrix.cols - begin),
          matrix.stride};
}

// How the error changes along a line: -2 * step * slope + step^2 * curvature.
struct Line {
  double slope = 0.0;
  double curvature = 0.0;
  bool Gains(double step) const {
    return step * (step * curvature - 2.0 * slope) < 0.0;
  }
  // The best step.
  double Best() const { return curvature > 0.0 ? slope / curvature : 0.0; }
};

// The unit of a row's scales, or its only scale.
float& RowScale(const CodedRows& rows, int64_t row) {
  return rows.units == nullptr ? rows.scale(row, 0) : rows.units[row];
}

// How a row of quantised weights changes with its RowScale().
void RowDirection(const CodedRows& rows, int64_t row, float* direction) {
  const float unit = RowScale(rows, row);
  for (int64_t col = 0; col < rows.cols(); ++col) {
    const GroupScale group = rows.group(row, col / rows.group_size);
    const float multiple =
        group.scale == 0.0f ? 0.0f : std::round(group.scale / unit);
    direction[col] =
        multiple * static_cast<float>(rows.code(row, col) - group.zero_point);
  }
}

// Takes the best step along `line` that the codec can store, if it gains.
bool TakeRowScale(const CodedRows& rows, int64_t row, const Line& line) {
  const float old = RowScale(rows, row);
  if (old == 0.0f) return false;
  const auto wanted = static_cast<float>(double{old} + line.Best());
  float stored = 0.0f;
  if (rows.units == nullptr) {
    stored = rows.Rounded(row, wanted);
  } else if (wanted > 0.0f) {
    stored = rows.codec->row_scale(
        static_cast<float>(rows.codec->max_multiple) * wanted);
  }
  if (stored == 0.0f || !std::isfinite(stored) ||
      !line.Gains(double{stored} - double{old})) {
    return false;
  }
  for (int64_t g = 0; g < rows.num_groups(); ++g) {
    rows.scale(row, g) = stored * std::round(rows.scale(row, g) / old);
  }
  RowScale(rows, row) = stored;
  return true;
}

}  // namespace

void QuadraticErrors(MatrixView<const float> error,
                     MatrixView<const float> hessian, double* sums) {
  std::fill_n(sums, error.rows, 0.0);
  std::vector<float> buffer;
  for (int64_t begin = 0; begin < hessian.cols; begin += kWideCols) {
    const MatrixView<float> products =
        Multiply(error, Columns(hessian, begin, kWideCols), &buffer);
    for (int64_t row = 0; row < error.rows; ++row) {
      sums[row] +=
          DotProduct(error.row(row) + begin, products.row(row), products.cols);
    }
  }
}

void QuadraticRefiner::Sweep(const CodedRows& rows, MatrixView<float> error) {
  for (int64_t begin = 0; begin < hessian_.cols; begin += kBlockCols) {
    const MatrixView<float> products =
        Multiply(error, Columns(hessian_, begin, kBlockCols), &products_);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      gradient_ = products.row(row);
      RefineBlock(rows, row, {begin, begin + products.cols}, error);
    }
  }
  if (rows.units != nullptr || rows.num_groups() == 1) {
    RefineRowScales(rows, error);
  }
}

void QuadraticRefiner::RefineBlock(const CodedRows& rows, int64_t row,
                                   Block block, MatrixView<float> error) {
  const int64_t size = rows.group_size;
  const bool whole_groups = kBlockCols % size == 0 && rows.num_groups() > 1;
  for (int visit = 0; visit < kBlockVisits; ++visit) {
    bool changed = RefineCodes(rows, row, block, error.row(row));
    if (whole_groups) {
      for (int64_t g = block.begin / size; g * size < block.end; ++g) {
        changed |= RefineGroup(rows, row, g, block, error.row(row));
      }
    }
    if (!changed) return;
  }
}

bool QuadraticRefiner::RefineCodes(const CodedRows& rows, int64_t row,
                                   Block block, float* error) {
  bool changed = false;
  for (int64_t col = block.begin; col < block.end; ++col) {
    const GroupScale group = rows.group(row, col / rows.group_size);
    const float curvature = hessian_.at(col, col);
    if (group.scale == 0.0f || !(curvature > 0.0f)) continue;
    int8_t& code = rows.code(row, col);
    const auto level = static_cast<float>(code - group.zero_point);
    const float wanted =
        group.scale * level + gradient_[col - block.begin] / curvature;
    const float best = NearestLevel(wanted, group, rows.grid);
    if (best == level) continue;
    code = static_cast<int8_t>(static_cast<int>(best) + group.zero_point);
    const float after = rows.weight.at(row, col) - group.scale * best;
    AddScaled(after - error[col], hessian_.row(col) + block.begin,
              block.end - block.begin, gradient_);
    error[col] = after;
    changed = true;
  }
  return changed;
}

bool QuadraticRefiner::RefineGroup(const CodedRows& rows, int64_t row,
                                   int64_t group, Block block, float* error) {
  const GroupScale old = rows.group(row, group);
  if (old.scale == 0.0f) return false;
  const int64_t begin = group * rows.group_size;
  const int64_t end = std::min(block.end, begin + rows.group_size);
  // The group's levels times the Hessian, in the columns of the block.
  std::array<float, kBlockCols> products = {};
  for (int64_t col = begin; col < end; ++col) {
    const auto level = static_cast<float>(rows.code(row, col) - old.zero_point);
    AddScaled(level, hessian_.row(col) + block.begin, block.end - block.begin,
              products.data());
  }
  Line line;
  for (int64_t col = begin; col < end; ++col) {
    const double level = rows.code(row, col) - old.zero_point;
    const auto at = static_cast<size_t>(col - block.begin);
    line.slope += level * double{gradient_[at]};
    line.curvature += level * double{products[at]};
  }
  const float scale =
      rows.Rounded(row, static_cast<float>(double{old.scale} + line.Best()));
  if (scale == 0.0f || !std::isfinite(scale) ||
      !line.Gains(double{scale} - double{old.scale})) {
    return false;
  }
  rows.scale(row, group) = scale;
  for (int64_t col = begin; col < end; ++col) {
    error[col] = rows.ErrorAt(row, col);
  }
  AddScaled(old.scale - scale, products.data(), block.end - block.begin,
            gradient_);
  return true;
}

void QuadraticRefiner::RefineRowScales(const CodedRows& rows,
                                       MatrixView<float> error) {
  direction_.resize(static_cast<size_t>(rows.rows() * error.stride));
  const MatrixView<float> direction(direction_.data(), rows.rows(), rows.cols(),
                                    error.stride);
  for (int64_t row = 0; row < rows.rows(); ++row) {
    RowDirection(rows, row, direction.row(row));
  }
  std::vector<Line> lines(static_cast<size_t>(rows.rows()));
  for (int64_t begin = 0; begin < rows.cols(); begin += kWideCols) {
    const MatrixView<float> products =
        Multiply(direction, Columns(hessian_, begin, kWideCols), &products_);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      Line& line = lines[static_cast<size_t>(row)];
      const float* const product = products.row(row);
      line.slope += DotProduct(error.row(row) + begin, product, products.cols);
      line.curvature +=
          DotProduct(direction.row(row) + begin, product, products.cols);
    }
  }
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (!TakeRowScale(rows, row, lines[static_cast<size_t>(row)])) continue;
    for (int64_t col = 0; col < rows.cols(); ++col) {
      error.at(row, col) = rows.ErrorAt(row, col);
    }
  }
}

}  // namespace ounce
