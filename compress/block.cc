#include "compress/block.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/packing/dense.h"
#include "core/status_macros.h"
#include "model/bind.h"

namespace ounce {
namespace {

// Rows of one task; whole row blocks.
constexpr int64_t kTaskRows = 64;
static_assert(kTaskRows % kRowBlock == 0);

absl::Status FirstError(absl::Span<const absl::Status> statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// Calls visit(begin, end) for rows of a matrix on all threads; the first error.
template <typename Visit>
absl::Status ForRows(int64_t rows, ThreadPool* pool, Visit visit) {
  const int64_t tasks = DivideUp(rows, kTaskRows);
  std::vector<absl::Status> statuses(static_cast<size_t>(tasks));
  pool->Run(tasks, [&](int64_t task, int) {
    statuses[static_cast<size_t>(task)] =
        visit(task * kTaskRows, std::min(rows, (task + 1) * kTaskRows));
  });
  return FirstError(statuses);
}

absl::Status ReadValues(const BoundTensor& tensor, ThreadPool* pool,
                        Matrix* out) {
  *out = Matrix(tensor.matrix.rows, tensor.matrix.cols);
  return ForRows(out->rows(), pool,
                 [&](int64_t begin, int64_t end) -> absl::Status {
                   OUNCE_RETURN_IF_ERROR(CheckFinite(tensor, begin, end));
                   ReadRows(tensor, begin, end, out->row(begin));
                   return absl::OkStatus();
                 });
}

TensorStats CompareRows(const PackedMatrix& matrix,
                        MatrixView<const float> values, int64_t begin,
                        int64_t end) {
  TensorStats stats;
  std::vector<float> restored(static_cast<size_t>(values.cols));
  for (int64_t r = begin; r < end; ++r) {
    GetCodecInfo(matrix.codec).unpack_rows(matrix, r, r + 1, restored.data());
    const float* row = values.row(r);
    for (int64_t c = 0; c < values.cols; ++c) {
      const double value = row[c];
      const double error = value - double{restored[static_cast<size_t>(c)]};
      stats.square_sum += value * value;
      stats.error_sum += error * error;
      stats.pruned += row[c] == 0.0f;
      stats.zeros += restored[static_cast<size_t>(c)] == 0.0f;
    }
  }
  stats.weights = (end - begin) * values.cols;
  return stats;
}

}  // namespace

PackedMatrix BlockTensor::float_matrix() const {
  PackedMatrix matrix = plan->tensor->matrix;
  matrix.data = reinterpret_cast<const uint8_t*>(values.row(0));
  matrix.codec = Codec::kF32;
  matrix.group_size = 0;
  matrix.bytes = matrix.rows * matrix.cols * 4;
  return matrix;
}

PackedMatrix BlockTensor::matrix() const {
  if (packed.empty()) return float_matrix();
  PackedMatrix matrix = plan->tensor->matrix;
  matrix.data = packed.data();
  matrix.codec = plan->codec;
  matrix.group_size = plan->group_size;
  matrix.bytes = static_cast<int64_t>(packed.size());
  return matrix;
}

absl::StatusOr<Block> Block::Load(const ModelSpec& spec, int64_t layer,
                                  absl::Span<const TensorPlan> rows,
                                  ThreadPool* pool) {
  Block block(spec, layer);
  for (const TensorPlan& row : rows) {
    BlockTensor tensor;
    tensor.plan = &row;
    OUNCE_RETURN_IF_ERROR(
        Annotate(ReadValues(*row.tensor, pool, &tensor.values),
                 absl::StrCat("tensor '", row.tensor->slot.name, "'")));
    block.tensors_.push_back(std::move(tensor));
  }
  return block;
}

BlockTensor* Block::Find(absl::string_view name) {
  for (BlockTensor& tensor : tensors_) {
    if (tensor.plan->tensor->slot.name == name) return &tensor;
  }
  return nullptr;
}

BlockTensor* Block::FindData(const uint8_t* data) {
  for (BlockTensor& tensor : tensors_) {
    if (data != nullptr && tensor.data() == data) return &tensor;
  }
  return nullptr;
}

LayerWeights Block::Arrange() const { return ArrangeWith({}); }

LayerWeights Block::ArrangeFloat() const {
  BoundTensors bound;
  for (const BlockTensor& tensor : tensors_) {
    bound.tensors.push_back(
        {tensor.plan->tensor->slot, tensor.float_matrix(), {}});
  }
  return ArrangeLayer(spec_, layer_, bound);
}

LayerWeights Block::ArrangeWith(absl::Span<const BlockTensor> changed) const {
  BoundTensors bound;
  for (const BlockTensor& tensor : tensors_) {
    const BlockTensor* used = &tensor;
    for (const BlockTensor& other : changed) {
      if (other.plan == tensor.plan) used = &other;
    }
    bound.tensors.push_back({used->plan->tensor->slot, used->matrix(), {}});
  }
  return ArrangeLayer(spec_, layer_, bound);
}

int64_t Block::MemoryBytes(absl::Span<const TensorPlan> rows) {
  int64_t bytes = 0;
  for (const TensorPlan& row : rows) {
    bytes += row.tensor->matrix.rows * row.tensor->matrix.cols * 4;
  }
  return bytes;
}

absl::StatusOr<std::vector<uint8_t>> PackRows(const TensorPlan& plan,
                                              MatrixView<const float> values,
                                              ThreadPool* pool,
                                              TensorStats* stats) {
  std::vector<uint8_t> packed(static_cast<size_t>(plan.bytes));
  const CodecInfo& codec = GetCodecInfo(plan.codec);
  std::vector<int64_t> tiny(
      static_cast<size_t>(DivideUp(values.rows, kTaskRows)));
  const auto pack = [&](int64_t begin, int64_t end) -> absl::Status {
    uint8_t* const out =
        packed.data() + codec.packed_bytes(begin, values.cols, plan.group_size);
    if (!codec.quantized) {
      PackDense(plan.codec, values.row(begin), (end - begin) * values.cols,
                out);
      return absl::OkStatus();
    }
    OUNCE_ASSIGN_OR_RETURN(
        const QuantizeResult result,
        Annotate(plan.quantize->method->quantize(values.Rows(begin, end),
                                                 plan.quantize->options),
                 absl::StrCat("tensor '", plan.tensor->slot.name,
                              "', rows from ", begin)));
    codec.pack(result.weight, out);
    tiny[static_cast<size_t>(begin / kTaskRows)] = result.tiny_scales;
    return absl::OkStatus();
  };
  OUNCE_RETURN_IF_ERROR(ForRows(values.rows, pool, pack));
  if (stats == nullptr) return packed;
  *stats = ComparePacked(plan, values, packed, pool);
  for (const int64_t count : tiny) stats->tiny_scales += count;
  return packed;
}

TensorStats ComparePacked(const TensorPlan& plan,
                          MatrixView<const float> values,
                          absl::Span<const uint8_t> packed, ThreadPool* pool) {
  PackedMatrix matrix = plan.tensor->matrix;
  matrix.codec = plan.codec;
  matrix.group_size = plan.group_size;
  matrix.data = packed.data();
  matrix.bytes = static_cast<int64_t>(packed.size());
  const int64_t tasks = DivideUp(values.rows, kTaskRows);
  std::vector<TensorStats> parts(static_cast<size_t>(tasks));
  pool->Run(tasks, [&](int64_t task, int) {
    parts[static_cast<size_t>(task)] =
        CompareRows(matrix, values, task * kTaskRows,
                    std::min(values.rows, (task + 1) * kTaskRows));
  });
  TensorStats sum;
  for (const TensorStats& part : parts) sum += part;
  return sum;
}

}  // namespace ounce
