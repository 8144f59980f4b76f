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
constexpr int64_t kPartialSums = 8;

OUNCE_VECTORIZE_PART double AddPartial(const double* partial) {
  return ((partial[0] + partial[1]) + (partial[2] + partial[3])) +
         ((partial[4] + partial[5]) + (partial[6] + partial[7]));
}

template <typename Term>
OUNCE_VECTORIZE_PART double SumOf(int64_t count, Term term) {
  double partial[kPartialSums] = {};
  const int64_t whole = count / kPartialSums * kPartialSums;
  for (int64_t i = 0; i < whole; i += kPartialSums) {
    for (int64_t lane = 0; lane < kPartialSums; ++lane) {
      partial[lane] += term(i + lane);
    }
  }
  for (int64_t i = whole; i < count; ++i) partial[0] += term(i);
  return AddPartial(partial);
}

// The same for four terms in each partial sum: of loops this short the compiler
// makes no vectors unless they are turned inside out.
template <typename Term>
OUNCE_VECTORIZE_PART double SumOf32(Term term) {
  double partial[kPartialSums];
#pragma GCC unroll 1
  for (int64_t lane = 0; lane < kPartialSums; ++lane) {
    partial[lane] = ((term(lane) + term(lane + kPartialSums)) +
                     term(lane + 2 * kPartialSums)) +
                    term(lane + 3 * kPartialSums);
  }
  return AddPartial(partial);
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

// One row of a quantised matrix.
struct QuantizedRow {
  const int8_t* codes;
  const float* scales;         // By group.
  const uint8_t* zero_points;  // By group, or null: all 0.
  int64_t cols;
  int64_t group_size;

  int64_t num_groups() const { return DivideUp(cols, group_size); }
  int64_t begin(int64_t g) const { return g * group_size; }
  int64_t size(int64_t g) const {
    return std::min(group_size, cols - begin(g));
  }
  int zero_point(int64_t g) const {
    return zero_points == nullptr ? 0 : int{zero_points[g]};
  }
};

QuantizedRow RowOf(const QuantizedMatrix& matrix, int64_t row) {
  const int64_t first_group = row * matrix.num_groups();
  return {matrix.codes.data() + row * matrix.cols,
          matrix.scales.data() + first_group,
          matrix.zero_points.empty() ? nullptr
                                     : matrix.zero_points.data() + first_group,
          matrix.cols, matrix.group_size};
}

// The size most groups have.  Loops over a group are compiled for it apart:
// where they take four vectors, finding out how long they are would take as
// long.
constexpr int64_t kUsualGroup = 32;

OUNCE_VECTORIZE_PART void RestoreGroup(const int8_t* codes, int64_t count,
                                       float scale, int zero_point,
                                       float* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = scale * static_cast<float>(codes[i] - zero_point);
  }
}

// What the codes give back.
OUNCE_VECTORIZE void RestoreRow(QuantizedRow row, float* out) {
  for (int64_t g = 0; g < row.num_groups(); ++g) {
    const int64_t begin = row.begin(g);
    const int64_t size = row.size(g);
    const int8_t* codes = row.codes + begin;
    const int zero_point = row.zero_point(g);
    if (size == kUsualGroup) {
      RestoreGroup(codes, kUsualGroup, row.scales[g], zero_point, out + begin);
    } else {
      RestoreGroup(codes, size, row.scales[g], zero_point, out + begin);
    }
  }
}

// Adds the sums of each group's squared differences to `sum`, one group after
// the other.
OUNCE_VECTORIZE double AddErrors(QuantizedRow row, const float* weights,
                                 const float* restored, double sum) {
  const auto square = [weights, restored](int64_t i) {
    const double error = double{weights[i]} - double{restored[i]};
    return error * error;
  };
  for (int64_t g = 0; g < row.num_groups(); ++g) {
    const int64_t begin = row.begin(g);
    const int64_t size = row.size(g);
    const auto term = [&](int64_t i) { return square(begin + i); };
    sum += size == kUsualGroup ? SumOf32(term) : SumOf(size, term);
  }
  return sum;
}

// How many weights of the row the codes give back as zero.
OUNCE_VECTORIZE int64_t CountRestoredZeros(QuantizedRow row) {
  // Without zero points all groups at once; what remains are those whose scale
  // is 0, where any code gives zero.
  const bool has_zero_points = row.zero_points != nullptr;
  int64_t zeros = 0;
  if (!has_zero_points) {
    zeros = CountEqual<int8_t, uint8_t>(row.codes, row.cols, 0);
  }
  for (int64_t g = 0; g < row.num_groups(); ++g) {
    const bool all_zero = row.scales[g] == 0.0f;
    if (!has_zero_points && !all_zero) continue;
    const int64_t equal =
        CountEqual<int8_t, uint8_t>(row.codes + row.begin(g), row.size(g),
                                    static_cast<int8_t>(row.zero_point(g)));
    const int64_t counted = has_zero_points ? 0 : equal;
    zeros += (all_zero ? row.size(g) : equal) - counted;
  }
  return zeros;
}

// Adds the losses of all groups to `stats`.
void Measure(MatrixView<const float> rows, const QuantizedMatrix& matrix,
             TensorStats* stats) {
  std::vector<float> restored(static_cast<size_t>(rows.cols));
  for (int64_t r = 0; r < rows.rows; ++r) {
    // In turns: a loop that restores and compares defeats the vectoriser.
    const QuantizedRow row = RowOf(matrix, r);
    RestoreRow(row, restored.data());
    stats->error_sum =
        AddErrors(row, rows.row(r), restored.data(), stats->error_sum);
    stats->zeros += CountRestoredZeros(row);
  }
}

}  // namespace

double TensorStats::snr_db() const {
  if (error_sum == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(square_sum / error_sum);
}

TensorStats& TensorStats::operator+=(const TensorStats& part) {
  square_sum += part.square_sum;
  error_sum += part.error_sum;
  pruned += part.pruned;
  zeros += part.zeros;
  weights += part.weights;
  tiny_scales += part.tiny_scales;
  return *this;
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
                            int64_t end, bool keep) {
  const int64_t rows = end - begin;
  const int64_t slots = pool_.num_threads() * kRowBlock;
  recycles_ = !keep && slots < rows;
  panel_.Resize(recycles_ ? slots : rows, tensor.matrix.cols);
  panel_begin_ = begin;
  panel_rows_ = rows;
  const auto blocks = static_cast<size_t>(DivideUp(rows, kRowBlock));
  block_status_.assign(blocks, absl::OkStatus());
  block_stats_.assign(blocks, TensorStats());
}

void TensorPass::ForEachBlock(absl::FunctionRef<void(const Block&)> visit) {
  const auto extra = static_cast<int64_t>(tasks_.size());
  const auto blocks = static_cast<int64_t>(block_stats_.size());
  pool_.Run(extra + blocks, [&](int64_t index, int worker) {
    if (index < extra) {
      tasks_[static_cast<size_t>(index)]();
      return;
    }
    const int64_t block = index - extra;
    const int64_t begin = block * kRowBlock;
    const int64_t size = std::min(kRowBlock, panel_rows_ - begin);
    const int64_t slot = recycles_ ? worker * kRowBlock : begin;
    visit({block, panel_.view().Rows(slot, slot + size)});
  });
  tasks_.clear();
}

absl::Status TensorPass::BlockStatus() const {
  for (const absl::Status& status : block_status_) {
    OUNCE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

bool TensorPass::ReadBlock(const BoundTensor& tensor, const Block& block) {
  const int64_t first = panel_begin_ + block.index * kRowBlock;
  const int64_t last = first + block.rows.rows;
  absl::Status& status = block_status_[static_cast<size_t>(block.index)];
  status = CheckFinite(tensor, first, last);
  if (!status.ok()) return false;
  ReadRows(tensor, first, last, block.rows.data);
  return true;
}

void TensorPass::SumBlock(const Block& block) {
  block_stats_[static_cast<size_t>(block.index)].square_sum =
      SquareSumOf(block.rows);
}

double TensorPass::SquareSum() const {
  double sum = 0.0;
  for (const TensorStats& stats : block_stats_) sum += stats.square_sum;
  return sum;
}

absl::StatusOr<MatrixView<float>> TensorPass::Read(const BoundTensor& tensor,
                                                   int64_t begin, int64_t end) {
  StartPanel(tensor, begin, end, /*keep=*/true);
  ForEachBlock([&](const Block& block) { ReadBlock(tensor, block); });
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
  StartPanel(tensor, begin, end, /*keep=*/pruner != nullptr);
  if (pruner == nullptr) {
    // One visit does all, while the block is in the cache, and leaves its place
    // there to the thread's next.
    ForEachBlock([&](const Block& block) {
      if (!ReadBlock(tensor, block)) return;
      SumBlock(block);
      PackBlock(plan, block, out);
    });
    stats->square_sum += SquareSum();
  } else {
    ForEachBlock([&](const Block& block) {
      if (ReadBlock(tensor, block)) SumBlock(block);
    });
    OUNCE_RETURN_IF_ERROR(BlockStatus());
    const double original = SquareSum();
    stats->square_sum += original;
    pruner->Apply(panel_.view());
    ForEachBlock([&](const Block& block) {
      SumBlock(block);
      PackBlock(plan, block, out);
    });
    // Exactly 0 when nothing was pruned: both sums run in the same order.
    stats->error_sum += std::max(0.0, original - SquareSum());
  }
  OUNCE_RETURN_IF_ERROR(BlockStatus());
  for (TensorStats block : block_stats_) {
    // Of the weights before pruning, counted above.
    block.square_sum = 0.0;
    *stats += block;
  }
  return absl::OkStatus();
}

void TensorPass::PackBlock(const TensorPlan& plan, const Block& block,
                           uint8_t* packed) {
  const MatrixView<const float> rows = block.rows;
  const int64_t first = block.index * kRowBlock;
  const CodecInfo& codec = GetCodecInfo(plan.codec);
  uint8_t* out =
      packed + codec.packed_bytes(first, panel_.cols(), plan.group_size);
  TensorStats& stats = block_stats_[static_cast<size_t>(block.index)];
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
    block_status_[static_cast<size_t>(block.index)] =
        Annotate(result.status(),
                 absl::StrCat("tensor '", plan.tensor->slot.name,
                              "', row block at ", panel_begin_ + first));
    return;
  }
  codec.pack(result->weight, out);
  stats.tiny_scales = result->tiny_scales;
  Measure(rows, result->weight, &stats);
}

}  // namespace ounce
