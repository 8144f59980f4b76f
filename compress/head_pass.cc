#include "compress/head_pass.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compress/block.h"
#include "compress/damping_ladder.h"
#include "core/annotate.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "model/bind.h"
#include "model/tensor_table.h"

namespace ounce {
namespace {

// Of a panel.
constexpr int64_t kPanelFloats = int64_t{4} << 20;

int64_t PanelRows(int64_t cols) {
  return std::max<int64_t>(kRowBlock,
                           kPanelFloats / cols / kRowBlock * kRowBlock);
}

class HeadPass {
 public:
  HeadPass(const TensorPlan& row, KernelContext* context,
           ArtifactWriter* writer)
      : row_(row), context_(*context), writer_(*writer) {}

  absl::Status Run(const absl::StatusOr<InputStatistics>& statistics,
                   CompressReport* report) {
    const auto start = std::chrono::steady_clock::now();
    OUNCE_RETURN_IF_ERROR(Create(statistics));
    OUNCE_RETURN_IF_ERROR(writer_.BeginTensor(RecordOf(row_)));
    const PackedMatrix& matrix = row_.tensor->matrix;
    const int64_t step = PanelRows(matrix.cols);
    for (int64_t begin = 0; begin < matrix.rows; begin += step) {
      OUNCE_RETURN_IF_ERROR(
          RunPanel(begin, std::min(matrix.rows, begin + step)));
    }
    TensorReport line = ReportOf(row_, stats_);
    line.fallback = std::string(failure_.message());
    if (failure_.ok()) {
      line.method = quantizer_->method;
      line.error_before = error_before_;
      line.error_after = error_after_;
    }
    line.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    OUNCE_RETURN_IF_ERROR(writer_.EndTensor(line.snr_db, line.sparsity));
    report->tensors.push_back(std::move(line));
    return absl::OkStatus();
  }

 private:
  absl::Status Create(const absl::StatusOr<InputStatistics>& statistics) {
    failure_ =
        statistics.ok() ? CheckStatistics(*statistics) : statistics.status();
    if (failure_.ok()) {
      absl::StatusOr<DampedQuantizer> created = ClimbDampingLadder(
          *row_.quantize, statistics->second_moment.view(), &context_);
      failure_ = created.status();
      if (created.ok()) quantizer_ = *std::move(created);
    }
    return absl::IsFailedPrecondition(failure_) ? absl::OkStatus() : failure_;
  }

  absl::Status RunPanel(int64_t begin, int64_t end) {
    OUNCE_RETURN_IF_ERROR(CheckFinite(*row_.tensor, begin, end));
    Matrix values(end - begin, row_.tensor->matrix.cols);
    ReadRows(*row_.tensor, begin, end, values.row(0));
    const TensorPlan panel = PanelPlan(end - begin);
    std::vector<uint8_t> packed(static_cast<size_t>(panel.bytes));
    TensorStats stats;
    if (quantizer_.has_value()) {
      OUNCE_ASSIGN_OR_RETURN(const CalibratedResult result,
                             quantizer_->quantizer->Quantize(
                                 values.view(), row_.quantize->options));
      GetCodecInfo(row_.codec).pack(result.quantized.weight, packed.data());
      stats = ComparePacked(panel, values.view(), packed, &context_.pool());
      stats.tiny_scales = result.quantized.tiny_scales;
      error_before_ += result.error_before;
      error_after_ += result.error_after;
    } else {
      OUNCE_ASSIGN_OR_RETURN(
          packed, PackRows(panel, values.view(), &context_.pool(), &stats));
    }
    stats_ += stats;
    return writer_.AppendBytes(packed);
  }

  // As if the panel were the whole matrix.
  TensorPlan PanelPlan(int64_t rows) {
    panel_tensor_ = *row_.tensor;
    panel_tensor_.matrix.rows = rows;
    TensorPlan panel = row_;
    panel.tensor = &panel_tensor_;
    panel.bytes =
        GetCodecInfo(row_.codec)
            .packed_bytes(rows, row_.tensor->matrix.cols, row_.group_size);
    return panel;
  }

  const TensorPlan& row_;
  KernelContext& context_;
  ArtifactWriter& writer_;
  absl::Status failure_;
  std::optional<DampedQuantizer> quantizer_;
  BoundTensor panel_tensor_;
  TensorStats stats_;
  double error_before_ = 0.0;
  double error_after_ = 0.0;
};

}  // namespace

bool IsCalibratedHead(const ModelSpec& spec, const TensorPlan& row) {
  const absl::string_view head = spec.tied_head ? kEmbeddingName : kHeadName;
  return row.tensor->slot.name == head && row.quantize != nullptr &&
         row.quantize->method->calibrated() &&
         spec.head == HeadKind::kLanguageModel && !spec.transform.present &&
         spec.token_width() == spec.width;
}

absl::StatusOr<InputStatistics> CollectFinalStates(
    const ActivationStore& stream, Executor* executor, KernelContext* context) {
  InputStatisticsCollector collector(/*second_moment=*/true);
  Matrix residual;
  for (int64_t window = 0; window < stream.windows(); ++window) {
    OUNCE_RETURN_IF_ERROR(stream.Read(window, &residual));
    executor->NormalizeFinal(residual.view(), residual.view());
    collector.Add(*context, residual.view());
  }
  return collector.Finish(*context);
}

absl::Status CompressHead(const TensorPlan& row,
                          const absl::StatusOr<InputStatistics>& statistics,
                          KernelContext* context, ArtifactWriter* writer,
                          CompressReport* report) {
  return Annotate(HeadPass(row, context, writer).Run(statistics, report),
                  absl::StrCat("tensor '", row.tensor->slot.name, "'"));
}

int64_t HeadMemoryBytes(const TensorPlan& row) {
  const int64_t cols = row.tensor->matrix.cols;
  return 5 * PanelRows(cols) * cols * 4 + 4 * SecondMomentBytes(cols);
}

}  // namespace ounce
