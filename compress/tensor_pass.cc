#include "compress/tensor_pass.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/packing/dense.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr int64_t kPanelFloats = int64_t{1} << 20;

// The sum of term(i) for i in [0, count): in eight interleaved partial sums, so
// that the compiler may use vectors and the order is fixed all the same.
template <typename Term>
double SumOf(int64_t count, Term term) {
  std::array<double, 8> partial = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) {
      partial[static_cast<size_t>(lane)] += term(i + lane);
    }
  }
  for (; i < count; ++i) partial[0] += term(i);
  return ((partial[0] + partial[1]) + (partial[2] + partial[3])) +
         ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

double SquareSum(MatrixView<const float> rows) {
  double sum = 0.0;
  for (int64_t row = 0; row < rows.rows; ++row) {
    const float* weights = rows.row(row);
    sum += SumOf(rows.cols, [weights](int64_t c) {
      return double{weights[c]} * double{weights[c]};
    });
  }
  return sum;
}

// Calls visit(weights, codes, count, scale, zero_point) for each group.
template <typename Visit>
void ForEachGroup(MatrixView<const float> rows, const QuantizedMatrix& codes,
                  Visit visit) {
  const int64_t groups = codes.num_groups();
  for (int64_t row = 0; row < codes.rows; ++row) {
    for (int64_t g = 0; g < groups; ++g) {
      const auto index = static_cast<size_t>(row * groups + g);
      const int64_t begin = g * codes.group_size;
      const int64_t end = std::min(codes.cols, begin + codes.group_size);
      visit(rows.row(row) + begin,
            codes.codes.data() + row * codes.cols + begin, end - begin,
            codes.scales[index],
            codes.zero_points.empty() ? 0 : int{codes.zero_points[index]});
    }
  }
}

// Squared differences between the rows and what their codes give back, and how
// many of these are zero.
void Measure(MatrixView<const float> rows, const QuantizedMatrix& codes,
             TensorStats* stats) {
  ForEachGroup(
      rows, codes,
      [stats](const float* weights, const int8_t* group, int64_t count,
              float scale, int zero_point) {
        stats->error_sum += SumOf(count, [&](int64_t i) {
          const double error =
              double{weights[i]} -
              double{scale * static_cast<float>(group[i] - zero_point)};
          return error * error;
        });
        stats->zeros += scale == 0.0f
                            ? count
                            : std::count(group, group + count,
                                         static_cast<int8_t>(zero_point));
      });
}

void Add(const TensorStats& part, TensorStats* sum) {
  sum->error_sum += part.error_sum;
  sum->pruned += part.pruned;
  sum->zeros += part.zeros;
  sum->weights += part.weights;
  sum->tiny_scales += part.tiny_scales;
}

}  // namespace

double TensorStats::snr_db() const {
  if (error_sum == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(square_sum / error_sum);
}

double TensorStats::sparsity() const {
  return weights == 0
             ? 0.0
             : static_cast<double>(zeros) / static_cast<double>(weights);
}

int64_t TensorPass::PanelRows(int64_t cols) {
  return std::max(kRowBlock, kPanelFloats / cols / kRowBlock * kRowBlock);
}

int64_t TensorPass::MemoryBytes(const TensorPlan& plan) {
  const PackedMatrix& matrix = plan.tensor->matrix;
  const int64_t rows = std::min(matrix.rows, PanelRows(matrix.cols));
  const int64_t floats = rows * matrix.cols * int64_t{sizeof(float)};
  // The panel, its stored bytes before and after.
  return floats + DivideUp(matrix.bytes, matrix.rows) * rows +
         DivideUp(plan.bytes, matrix.rows) * RoundUp(rows, kRowBlock);
}

absl::StatusOr<MatrixView<float>> TensorPass::Read(const BoundTensor& tensor,
                                                   int64_t begin, int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  panel_.Resize(end - begin, matrix.cols);
  const int64_t blocks = DivideUp(end - begin, kRowBlock);
  block_status_.assign(static_cast<size_t>(blocks), absl::OkStatus());
  pool_.Run(blocks, [&](int64_t block, int) {
    const int64_t first = begin + block * kRowBlock;
    const int64_t last = std::min(end, first + kRowBlock);
    block_status_[static_cast<size_t>(block)] =
        CheckFinite(tensor, first, last);
    GetCodecInfo(matrix.codec)
        .unpack_rows(matrix, first, last, panel_.row(first - begin));
  });
  for (const absl::Status& status : block_status_) {
    OUNCE_RETURN_IF_ERROR(status);
  }
  return panel_.view();
}

double TensorPass::PanelSquareSum() {
  block_stats_.assign(static_cast<size_t>(DivideUp(panel_.rows(), kRowBlock)),
                      TensorStats());
  pool_.Run(static_cast<int64_t>(block_stats_.size()), [&](int64_t block, int) {
    block_stats_[static_cast<size_t>(block)].square_sum = SquareSum(
        panel_.view().Rows(block * kRowBlock,
                           std::min(panel_.rows(), (block + 1) * kRowBlock)));
  });
  double sum = 0.0;
  for (const TensorStats& stats : block_stats_) sum += stats.square_sum;
  return sum;
}

absl::Status TensorPass::Run(const TensorPlan& plan, int64_t begin, int64_t end,
                             Pruner* pruner, absl::Span<const uint8_t>* packed,
                             TensorStats* stats) {
  OUNCE_RETURN_IF_ERROR(Read(*plan.tensor, begin, end).status());
  const double original = PanelSquareSum();
  stats->square_sum += original;
  if (pruner != nullptr) {
    pruner->Apply(panel_.view());
    // Exactly 0 when nothing was pruned: both sums run in the same order.
    stats->error_sum += std::max(0.0, original - PanelSquareSum());
  }
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t bytes,
      PackedBytes(plan.codec, end - begin, panel_.cols(), plan.group_size));
  packed_.resize(static_cast<size_t>(bytes));
  block_stats_.assign(block_status_.size(), TensorStats());
  pool_.Run(static_cast<int64_t>(block_status_.size()),
            [&](int64_t block, int) { RunBlock(plan, block); });
  for (size_t i = 0; i < block_stats_.size(); ++i) {
    OUNCE_RETURN_IF_ERROR(Annotate(
        block_status_[i],
        absl::StrCat("tensor '", plan.tensor->slot.name, "', row block at ",
                     begin + static_cast<int64_t>(i) * kRowBlock)));
    Add(block_stats_[i], stats);
  }
  *packed = packed_;
  return absl::OkStatus();
}

void TensorPass::RunBlock(const TensorPlan& plan, int64_t block) {
  const int64_t first = block * kRowBlock;
  const int64_t last = std::min(panel_.rows(), first + kRowBlock);
  const MatrixView<const float> rows = panel_.view().Rows(first, last);
  const CodecInfo& codec = GetCodecInfo(plan.codec);
  uint8_t* out = packed_.data() +
                 codec.packed_bytes(first, panel_.cols(), plan.group_size);
  TensorStats& stats = block_stats_[static_cast<size_t>(block)];
  stats.weights = rows.rows * rows.cols;
  stats.pruned = std::count(rows.data, rows.data + stats.weights, 0.0f);
  if (plan.quantize == nullptr) {
    PackDense(plan.codec, rows.data, stats.weights, out);
    stats.zeros = stats.pruned;
    return;
  }
  const absl::StatusOr<QuantizeResult> result =
      plan.quantize->method->quantize(rows, plan.quantize->options);
  block_status_[static_cast<size_t>(block)] = result.status();
  if (!result.ok()) return;
  codec.pack(result->weight, out);
  stats.tiny_scales = result->tiny_scales;
  Measure(rows, result->weight, &stats);
}

}  // namespace ounce
