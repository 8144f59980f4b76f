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
#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr int64_t kPanelFloats = int64_t{1} << 20;

// The sum of term(i) for i in [0, count): in eight interleaved partial sums, so
// that the compiler may use vectors and the order is fixed all the same.
template <typename Term>
OUNCE_VECTORIZE_PART double SumOf(int64_t count, Term term) {
  std::array<double, 8> partial = {};
  const int64_t whole = count / 8 * 8;
  for (int64_t i = 0; i < whole; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) {
      partial[static_cast<size_t>(lane)] += term(i + lane);
    }
  }
  for (int64_t i = whole; i < count; ++i) partial[0] += term(i);
  return ((partial[0] + partial[1]) + (partial[2] + partial[3])) +
         ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

// How many of `count` values are `value`.  In counters as wide as the values,
// for the sake of vectors, and in parts that they can count.
template <typename T, typename Counter>
OUNCE_VECTORIZE_PART int64_t CountEqual(const T* values, int64_t count,
                                        T value) {
  static_assert(sizeof(T) == sizeof(Counter));
  constexpr int64_t kPart = std::numeric_limits<Counter>::max() & ~15;
  int64_t total = 0;
  for (int64_t begin = 0; begin < count; begin += kPart) {
    const int64_t end = std::min(count, begin + kPart);
    Counter equal = 0;
    for (int64_t i = begin; i < end; ++i) {
      equal = static_cast<Counter>(equal + (values[i] == value));
    }
    total += equal;
  }
  return total;
}

OUNCE_VECTORIZE int64_t CountZeros(MatrixView<const float> rows) {
  return CountEqual<float, uint32_t>(rows.data, rows.rows * rows.cols, 0.0f);
}

OUNCE_VECTORIZE double SquareSumOf(MatrixView<const float> rows) {
  double sum = 0.0;
  for (int64_t row = 0; row < rows.rows; ++row) {
    const float* weights = rows.row(row);
    sum += SumOf(rows.cols, [weights](int64_t c) {
      return double{weights[c]} * double{weights[c]};
    });
  }
  return sum;
}

// One group of weights and what stands for them.
struct Group {
  const float* weights;
  const int8_t* codes;
  int64_t count;
  float scale;
  int zero_point;
};

struct Loss {
  double error_sum;
  int64_t zeros;
};

// The squared differences between a group's weights and what its codes give
// back, and how many of these are zero.  `restored` is scratch for them.
OUNCE_VECTORIZE_PART Loss MeasureCount(Group group, int64_t count,
                                       float* restored) {
  // Restored first and compared then: a loop that does both at once defeats
  // the vectoriser.
  for (int64_t i = 0; i < count; ++i) {
    restored[i] =
        group.scale * static_cast<float>(group.codes[i] - group.zero_point);
  }
  Loss loss;
  loss.error_sum = SumOf(count, [&](int64_t i) {
    const double error = double{group.weights[i]} - double{restored[i]};
    return error * error;
  });
  const auto zero = static_cast<int8_t>(group.zero_point);
  loss.zeros = CountEqual<int8_t, uint8_t>(group.codes, count, zero);
  if (group.scale == 0.0f) loss.zeros = count;
  return loss;
}

OUNCE_VECTORIZE Loss MeasureGroup(Group group, float* restored) {
  // The size most groups have, whose loops take four vectors: finding out how
  // long they are would take as long.
  constexpr int64_t kUsualCount = 32;
  if (group.count == kUsualCount) {
    return MeasureCount(group, kUsualCount, restored);
  }
  return MeasureCount(group, group.count, restored);
}

// Adds the losses of all groups to `stats`.
void Measure(MatrixView<const float> rows, const QuantizedMatrix& codes,
             TensorStats* stats) {
  std::vector<float> restored(
      static_cast<size_t>(std::min(codes.group_size, codes.cols)));
  const int64_t groups = codes.num_groups();
  for (int64_t row = 0; row < codes.rows; ++row) {
    for (int64_t g = 0; g < groups; ++g) {
      const auto index = static_cast<size_t>(row * groups + g);
      const int64_t begin = g * codes.group_size;
      const int64_t end = std::min(codes.cols, begin + codes.group_size);
      const Loss loss = MeasureGroup(
          {rows.row(row) + begin, codes.codes.data() + row * codes.cols + begin,
           end - begin, codes.scales[index],
           codes.zero_points.empty() ? 0 : int{codes.zero_points[index]}},
          restored.data());
      stats->error_sum += loss.error_sum;
      stats->zeros += loss.zeros;
    }
  }
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
  // The panel, its stored bytes before and after, and those of the last panel.
  const auto stored =
      static_cast<int64_t>(StoredBytes(*plan.tensor, 0, rows).size());
  return floats + stored +
         2 * DivideUp(plan.bytes, matrix.rows) * RoundUp(rows, kRowBlock);
}

void TensorPass::StartPanel(const BoundTensor& tensor, int64_t begin,
                            int64_t end) {
  panel_.Resize(end - begin, tensor.matrix.cols);
  panel_begin_ = begin;
  const auto blocks = static_cast<size_t>(DivideUp(end - begin, kRowBlock));
  block_status_.assign(blocks, absl::OkStatus());
  block_stats_.assign(blocks, TensorStats());
}

void TensorPass::ForEachBlock(absl::FunctionRef<void(int64_t block)> visit) {
  const auto extra = static_cast<int64_t>(tasks_.size());
  const auto blocks = static_cast<int64_t>(block_stats_.size());
  pool_.Run(extra + blocks, [&](int64_t index, int) {
    if (index < extra) {
      tasks_[static_cast<size_t>(index)]();
    } else {
      visit(index - extra);
    }
  });
  tasks_.clear();
}

absl::Status TensorPass::BlockStatus() const {
  for (const absl::Status& status : block_status_) {
    OUNCE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

MatrixView<float> TensorPass::BlockRows(int64_t block) {
  const int64_t first = block * kRowBlock;
  return panel_.view().Rows(first, std::min(panel_.rows(), first + kRowBlock));
}

bool TensorPass::ReadBlock(const BoundTensor& tensor, int64_t block) {
  const MatrixView<float> rows = BlockRows(block);
  const int64_t first = panel_begin_ + block * kRowBlock;
  absl::Status& status = block_status_[static_cast<size_t>(block)];
  status = CheckFinite(tensor, first, first + rows.rows);
  if (!status.ok()) return false;
  ReadRows(tensor, first, first + rows.rows, rows.data);
  return true;
}

void TensorPass::SumBlock(int64_t block) {
  block_stats_[static_cast<size_t>(block)].square_sum =
      SquareSumOf(BlockRows(block));
}

double TensorPass::SquareSum() const {
  double sum = 0.0;
  for (const TensorStats& stats : block_stats_) sum += stats.square_sum;
  return sum;
}

absl::StatusOr<MatrixView<float>> TensorPass::Read(const BoundTensor& tensor,
                                                   int64_t begin, int64_t end) {
  StartPanel(tensor, begin, end);
  ForEachBlock([&](int64_t block) { ReadBlock(tensor, block); });
  OUNCE_RETURN_IF_ERROR(BlockStatus());
  return panel_.view();
}

absl::Status TensorPass::Run(const TensorPlan& plan, int64_t begin, int64_t end,
                             Pruner* pruner, absl::Span<const uint8_t>* packed,
                             TensorStats* stats) {
  const BoundTensor& tensor = *plan.tensor;
  OUNCE_ASSIGN_OR_RETURN(const int64_t bytes,
                         PackedBytes(plan.codec, end - begin,
                                     tensor.matrix.cols, plan.group_size));
  std::swap(packed_[0], packed_[1]);
  packed_[0].resize(static_cast<size_t>(bytes));
  *packed = packed_[0];
  uint8_t* const out = packed_[0].data();
  StartPanel(tensor, begin, end);
  if (pruner == nullptr) {
    // One visit does all, while the block is in the cache.
    ForEachBlock([&](int64_t block) {
      if (!ReadBlock(tensor, block)) return;
      SumBlock(block);
      PackBlock(plan, block, out);
    });
    stats->square_sum += SquareSum();
  } else {
    ForEachBlock([&](int64_t block) {
      if (ReadBlock(tensor, block)) SumBlock(block);
    });
    OUNCE_RETURN_IF_ERROR(BlockStatus());
    const double original = SquareSum();
    stats->square_sum += original;
    pruner->Apply(panel_.view());
    ForEachBlock([&](int64_t block) {
      SumBlock(block);
      PackBlock(plan, block, out);
    });
    // Exactly 0 when nothing was pruned: both sums run in the same order.
    stats->error_sum += std::max(0.0, original - SquareSum());
  }
  OUNCE_RETURN_IF_ERROR(BlockStatus());
  for (const TensorStats& block : block_stats_) Add(block, stats);
  return absl::OkStatus();
}

void TensorPass::PackBlock(const TensorPlan& plan, int64_t block,
                           uint8_t* packed) {
  const MatrixView<const float> rows = BlockRows(block);
  const CodecInfo& codec = GetCodecInfo(plan.codec);
  uint8_t* out = packed + codec.packed_bytes(block * kRowBlock, panel_.cols(),
                                             plan.group_size);
  TensorStats& stats = block_stats_[static_cast<size_t>(block)];
  stats.weights = rows.rows * rows.cols;
  stats.pruned = CountZeros(rows);
  if (plan.quantize == nullptr) {
    PackDense(plan.codec, rows.data, stats.weights, out);
    stats.zeros = stats.pruned;
    return;
  }
  const absl::StatusOr<QuantizeResult> result =
      plan.quantize->method->quantize(rows, plan.quantize->options);
  if (!result.ok()) {
    block_status_[static_cast<size_t>(block)] = Annotate(
        result.status(),
        absl::StrCat("tensor '", plan.tensor->slot.name, "', row block at ",
                     panel_begin_ + block * kRowBlock));
    return;
  }
  codec.pack(result->weight, out);
  stats.tiny_scales = result->tiny_scales;
  Measure(rows, result->weight, &stats);
}

}  // namespace ounce
