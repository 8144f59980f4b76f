#include "quantize/gptq.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/half.h"
#include "core/status_macros.h"
#include "quantize/cholesky.h"
#include "quantize/coded_rows.h"
#include "quantize/nearest_plane.h"
#include "quantize/quadratic_refine.h"
#include "quantize/round_to_nearest.h"
#include "quantize/vector_ops.h"
#include "quantize/weighted_scales.h"

namespace ounce {
namespace {

constexpr int64_t kTileRows = 128;  // Of one task.

absl::Status NotUsable(absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("the Hessian ", what,
                   "; collect more calibration tokens or raise the damping"));
}

void RoundToNearest(const CodedRows& rows, MatrixView<float> error) {
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      const int64_t begin = g * rows.group_size;
      const int64_t size = std::min(rows.group_size, rows.cols() - begin);
      NearestCodes({rows.weight.row(row) + begin, static_cast<size_t>(size)},
                   rows.group(row, g), rows.grid, &rows.code(row, begin));
    }
    for (int64_t col = 0; col < rows.cols(); ++col) {
      error.at(row, col) = rows.ErrorAt(row, col);
    }
  }
}

// What quantising a tile of rows needs, for one thread.
class TileQuantizer {
 public:
  struct Problem {
    MatrixView<const float> hessian;
    MatrixView<const float> factor;
    absl::Span<const int64_t> order;
    // What each column's squared error costs; empty: scales are kept.
    absl::Span<const float> importance;
    int refine_sweeps;
    bool compensate;
  };

  explicit TileQuantizer(const Problem& problem)
      : problem_(problem),
        rounder_(problem.factor, problem.order),
        refiner_(problem.hessian) {}

  // Sets codes and scales of `rows`, and what each row loses [rows].
  void Quantize(const CodedRows& rows, double* before, double* after) {
    const int64_t stride = PaddedStride(rows.cols());
    error_.resize(static_cast<size_t>(rows.rows() * stride));
    const MatrixView<float> error(error_.data(), rows.rows(), rows.cols(),
                                  stride);
    if (problem_.compensate) {
      ChooseScales(rows);
      Round(rows, error, before);
      rounder_.Round(rows, error);
      for (int sweep = 0; sweep < problem_.refine_sweeps; ++sweep) {
        refiner_.Sweep(rows, error);
      }
    } else {
      Round(rows, error, before);
      ChooseScales(rows);
      RoundToNearest(rows, error);
    }
    QuadraticErrors(error, problem_.hessian, after);
    for (int64_t row = 0; row < rows.rows(); ++row) {
      if (after[row] <= before[row]) continue;
      Restore(rows, row);
      after[row] = before[row];
    }
  }

 private:
  void ChooseScales(const CodedRows& rows) const {
    if (problem_.importance.empty()) return;
    ChooseWeightedScales(problem_.importance, rows);
  }
  // To nearest, and keeps what that gives.
  void Round(const CodedRows& rows, MatrixView<float> error, double* lost) {
    RoundToNearest(rows, error);
    QuadraticErrors(error, problem_.hessian, lost);
    KeepRounded(rows);
  }
  void KeepRounded(const CodedRows& rows) {
    codes_.assign(rows.codes, rows.codes + rows.rows() * rows.cols());
    scales_.assign(rows.scales, rows.scales + rows.rows() * rows.num_groups());
    if (rows.zero_points != nullptr) {
      zero_points_.assign(rows.zero_points,
                          rows.zero_points + rows.rows() * rows.num_groups());
    }
  }
  void Restore(const CodedRows& rows, int64_t row) const {
    const int64_t groups = rows.num_groups();
    std::copy_n(codes_.data() + row * rows.cols(), rows.cols(),
                &rows.code(row, 0));
    std::copy_n(scales_.data() + row * groups, groups, &rows.scale(row, 0));
    if (rows.zero_points != nullptr) {
      std::copy_n(zero_points_.data() + row * groups, groups,
                  rows.zero_points + row * groups);
    }
  }

  const Problem problem_;
  NearestPlaneRounder rounder_;
  QuadraticRefiner refiner_;
  std::vector<float> error_;
  // As round-to-nearest had them.
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<uint8_t> zero_points_;
};

bool IsTiny(const CodedRows& rows, int64_t row, int64_t g) {
  const int64_t begin = g * rows.group_size;
  const int64_t end = std::min(rows.cols(), begin + rows.group_size);
  const GroupScale group = rows.group(row, g);
  const auto is_zero = [](auto value) { return value == 0; };
  const bool suspect =
      rows.units != nullptr
          ? std::all_of(&rows.code(row, begin), &rows.code(row, end), is_zero)
          : std::abs(group.scale) < kF16MinNormal;
  return suspect && !std::all_of(rows.weight.row(row) + begin,
                                 rows.weight.row(row) + end, is_zero);
}

int64_t CountTinyScales(const CodedRows& rows) {
  if (!rows.codec->grouped) return 0;
  int64_t count = 0;
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      count += IsTiny(rows, row, g);
    }
  }
  return count;
}

// `weight` with the columns of dead channels 0, in `copy` if there are any.
MatrixView<const float> WithoutDead(MatrixView<const float> weight,
                                    absl::Span<const float> diagonal,
                                    Matrix* copy) {
  const auto dead = [](float value) { return value == 0.0f; };
  if (std::none_of(diagonal.begin(), diagonal.end(), dead)) return weight;
  *copy = Matrix(weight.rows, weight.cols);
  for (int64_t row = 0; row < weight.rows; ++row) {
    for (int64_t col = 0; col < weight.cols; ++col) {
      if (!dead(diagonal[static_cast<size_t>(col)])) {
        copy->row(row)[col] = weight.at(row, col);
      }
    }
  }
  return copy->view();
}

// The units of the rows' scales, of codecs that have them.
std::vector<float> RowUnits(const CodedRows& rows) {
  std::vector<float> units;
  if (rows.codec->max_multiple == 0) return units;
  std::vector<float> absmax(static_cast<size_t>(rows.num_groups()));
  for (int64_t row = 0; row < rows.rows(); ++row) {
    AbsMaxScales({rows.weight.row(row), rows.cols(), rows.group_size},
                 rows.grid, absmax.data());
    float largest = 0.0f;
    for (const float scale : absmax) {
      largest = std::max(largest, std::abs(scale));
    }
    units.push_back(rows.codec->row_scale(largest));
  }
  return units;
}

CodedRows RowsOf(MatrixView<const float> weight, Codec codec,
                 QuantizedMatrix* matrix) {
  CodedRows rows;
  rows.codec = &GetCodecInfo(codec);
  rows.grid = GridOf(codec);
  rows.group_size = matrix->group_size;
  rows.weight = weight;
  rows.codes = matrix->codes.data();
  rows.scales = matrix->scales.data();
  if (rows.grid.has_zero_point) rows.zero_points = matrix->zero_points.data();
  return rows;
}

bool AllFinite(MatrixView<const float> matrix) {
  for (int64_t row = 0; row < matrix.rows; ++row) {
    const float* const values = matrix.row(row);
    if (!std::all_of(values, values + matrix.cols,
                     [](float value) { return std::isfinite(value); })) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<GptqSolver> GptqSolver::Create(KernelContext& context,
                                              MatrixView<const float> hessian,
                                              const GptqOptions& options) {
  if (hessian.rows != hessian.cols || hessian.rows == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the Hessian is ", hessian.rows, " x ", hessian.cols,
                     "; expected a square one"));
  }
  if (!std::isfinite(options.damping) || options.damping < 0.0) {
    return absl::InvalidArgumentError(
        absl::StrCat("damping ", options.damping,
                     "; expected a number that is not negative, as 0.01"));
  }
  if (options.refine_sweeps < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "refine_sweeps ", options.refine_sweeps, "; expected 0 or more"));
  }
  GptqSolver solver(context, options);
  OUNCE_RETURN_IF_ERROR(solver.Load(hessian));
  OUNCE_RETURN_IF_ERROR(solver.Factor());
  return solver;
}

absl::Status GptqSolver::Load(MatrixView<const float> hessian) {
  if (!AllFinite(hessian)) return NotUsable("holds values that are not finite");
  const int64_t n = hessian.rows;
  double trace = 0.0;
  for (int64_t i = 0; i < n; ++i) {
    if (hessian.at(i, i) < 0.0f) {
      return NotUsable(
          absl::StrCat("is not positive definite: the diagonal of column ", i,
                       " is ", hessian.at(i, i)));
    }
    trace += double{hessian.at(i, i)};
  }
  if (trace == 0.0) return NotUsable("is not positive definite: all zero");
  unit_ = std::exp2(std::floor(std::log2(trace / static_cast<double>(n))));
  hessian_data_.resize(static_cast<size_t>(n * PaddedStride(n)));
  hessian_ = {hessian_data_.data(), n, n, PaddedStride(n)};
  for (int64_t i = 0; i < n; ++i) {
    diagonal_.push_back(static_cast<float>(double{hessian.at(i, i)} / unit_));
  }
  for (int64_t i = 0; i < n; ++i) {
    const bool dead = diagonal_[static_cast<size_t>(i)] == 0.0f;
    for (int64_t j = 0; j < n; ++j) {
      const bool zero = dead || diagonal_[static_cast<size_t>(j)] == 0.0f;
      hessian_.at(i, j) =
          zero ? 0.0f : static_cast<float>(double{hessian.at(i, j)} / unit_);
    }
  }
  return absl::OkStatus();
}

absl::Status GptqSolver::Factor() {
  const int64_t n = hessian_.rows;
  order_.resize(static_cast<size_t>(n));
  std::iota(order_.rbegin(), order_.rend(), int64_t{0});
  if (options_.act_order) {
    std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
      return diagonal_[static_cast<size_t>(a)] <
             diagonal_[static_cast<size_t>(b)];
    });
  }
  factor_data_.resize(hessian_data_.size());
  factor_ = {factor_data_.data(), n, n, hessian_.stride};
  context_->pool().Run(n, [&](int64_t i, int) {
    const int64_t row = order_[static_cast<size_t>(i)];
    for (int64_t j = 0; j < i; ++j) {
      factor_.at(i, j) = hessian_.at(row, order_[static_cast<size_t>(j)]);
    }
    const double own = double{hessian_.at(row, row)};
    factor_.at(i, i) =
        static_cast<float>(own == 0.0 ? 1.0 : own * (1.0 + options_.damping));
  });
  const std::optional<int64_t> failed = FactorCholesky(*context_, factor_);
  if (!failed.has_value()) {
    importance_.resize(order_.size());
    for (int64_t i = 0; i < n; ++i) {
      importance_[static_cast<size_t>(order_[static_cast<size_t>(i)])] =
          factor_.at(i, i) * factor_.at(i, i);
    }
    return absl::OkStatus();
  }
  return NotUsable(absl::StrCat(
      "is not positive definite with damping ", options_.damping, ": column ",
      order_[static_cast<size_t>(*failed)], " is a combination of others"));
}

absl::StatusOr<GptqResult> GptqSolver::Quantize(
    MatrixView<const float> weight, const QuantizeOptions& options) const {
  if (weight.cols != hessian_.cols) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight has ", weight.cols, " columns, the Hessian ",
                     hessian_.cols, "; expected the same"));
  }
  Matrix copy;
  const MatrixView<const float> live = WithoutDead(weight, diagonal_, &copy);
  QuantizeOptions absmax = options;
  absmax.scale = ScaleMethod::kAbsMax;
  GptqResult result;
  OUNCE_ASSIGN_OR_RETURN(result.quantized,
                         QuantizeRoundToNearest(live, absmax));
  CodedRows rows = RowsOf(live, options.codec, &result.quantized.weight);
  std::vector<float> units = RowUnits(rows);
  if (!units.empty()) rows.units = units.data();

  const bool choose = options.scale == ScaleMethod::kLeastSquares;
  const TileQuantizer::Problem problem = {
      hessian_,
      factor_,
      order_,
      choose ? absl::MakeConstSpan(importance_) : absl::Span<const float>(),
      options_.refine_sweeps,
      options_.compensate};
  std::vector<TileQuantizer> quantizers(
      static_cast<size_t>(context_->pool().num_threads()),
      TileQuantizer(problem));
  std::vector<double> before(static_cast<size_t>(weight.rows));
  std::vector<double> after(before.size());
  context_->pool().Run(
      DivideUp(weight.rows, kTileRows), [&](int64_t task, int worker) {
        const int64_t begin = task * kTileRows;
        const int64_t end = std::min(weight.rows, begin + kTileRows);
        quantizers[static_cast<size_t>(worker)].Quantize(
            rows.Rows(begin, end), before.data() + begin, after.data() + begin);
      });
  result.error_before =
      unit_ * std::accumulate(before.begin(), before.end(), 0.0);
  result.error_after = unit_ * std::accumulate(after.begin(), after.end(), 0.0);
  result.quantized.tiny_scales = CountTinyScales(rows);
  return result;
}

}  // namespace ounce
