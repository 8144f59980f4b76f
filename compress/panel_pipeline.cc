#include "compress/panel_pipeline.h"

#include <algorithm>
#include <utility>

#include "core/status_macros.h"

namespace ounce {

absl::Status PanelPipeline::Run(absl::Span<const TensorPlan> rows,
                                CompressReport* report) {
  for (const TensorPlan& row : rows) {
    OUNCE_RETURN_IF_ERROR(CompressTensor(row, report));
  }
  const Panel last = std::exchange(last_, {});
  Release(last);
  return Write(last);
}

absl::Status PanelPipeline::ForEachPanel(
    const TensorPlan& row,
    absl::FunctionRef<absl::Status(int64_t begin, int64_t end)> visit) {
  const PackedMatrix& matrix = row.tensor->matrix;
  const int64_t step = TensorPass::PanelRows(matrix.cols);
  for (int64_t begin = 0; begin < matrix.rows; begin += step) {
    const int64_t end = std::min(matrix.rows, begin + step);
    OUNCE_RETURN_IF_ERROR(visit(begin, end));
  }
  return absl::OkStatus();
}

absl::StatusOr<Pruner*> PanelPipeline::PrunerOf(const TensorPlan& row) {
  if (row.prune == nullptr) return nullptr;
  const bool known = row.prune->global && pruners_.contains(row.prune);
  std::unique_ptr<Pruner>& pruner = pruners_[row.prune];
  if (known) return pruner.get();
  pruner = row.prune->method->create(row.prune->sparsity);
  for (int round = 0; round < pruner->num_scan_rounds(); ++round) {
    for (const TensorPlan& other : plan_.tensors) {
      const bool shares = row.prune->global && other.prune == row.prune;
      if (other.tensor != row.tensor && !shares) continue;
      OUNCE_RETURN_IF_ERROR(Scan(other, round, pruner.get()));
    }
    pruner->EndRound(round);
  }
  return pruner.get();
}

absl::Status PanelPipeline::Scan(const TensorPlan& row, int round,
                                 Pruner* pruner) {
  return ForEachPanel(row, [&](int64_t begin, int64_t end) -> absl::Status {
    OUNCE_ASSIGN_OR_RETURN(const MatrixView<float> panel,
                           pass_.Read(*row.tensor, begin, end));
    pruner->Scan(round, panel);
    model_.source->Release(StoredBytes(*row.tensor, begin, end));
    return absl::OkStatus();
  });
}

absl::Status PanelPipeline::CompressTensor(const TensorPlan& row,
                                           CompressReport* report) {
  OUNCE_ASSIGN_OR_RETURN(Pruner* const pruner, PrunerOf(row));
  TensorStats stats;
  OUNCE_RETURN_IF_ERROR(ForEachPanel(row, [&](int64_t begin, int64_t end) {
    return CompressPanel(row, begin, end, pruner, &stats);
  }));
  report->tensors.push_back(ReportOf(row, stats));
  return absl::OkStatus();
}

absl::Status PanelPipeline::CompressPanel(const TensorPlan& row, int64_t begin,
                                          int64_t end, Pruner* pruner,
                                          TensorStats* stats) {
  const PackedMatrix& matrix = row.tensor->matrix;
  const int64_t bytes = (end - begin) * (matrix.bytes / matrix.rows);
  absl::Status written;
  if (hooks_.beside) {
    pass_.AddTask([&] { hooks_.beside(bytes); });
  }
  pass_.AddTask([&] { written = Write(last_); });
  // Between two runs it would leave the other threads idle, and asleep.
  pass_.AddTask([&] { Release(last_); });
  Panel panel = {&row, begin, end, {}, {}};
  OUNCE_RETURN_IF_ERROR(
      pass_.Run(row, begin, end, pruner, &panel.packed, stats));
  OUNCE_RETURN_IF_ERROR(written);
  panel.stats = *stats;
  last_ = panel;
  if (hooks_.progress) hooks_.progress(bytes);
  return absl::OkStatus();
}

void PanelPipeline::Release(const Panel& panel) {
  if (panel.row == nullptr) return;
  model_.source->Release(
      StoredBytes(*panel.row->tensor, panel.begin, panel.end));
}

absl::Status PanelPipeline::Write(const Panel& panel) {
  if (panel.row == nullptr) return absl::OkStatus();
  if (panel.begin == 0) {
    OUNCE_RETURN_IF_ERROR(writer_.BeginTensor(RecordOf(*panel.row)));
  }
  OUNCE_RETURN_IF_ERROR(writer_.AppendBytes(panel.packed));
  if (panel.end < panel.row->tensor->matrix.rows) return absl::OkStatus();
  return writer_.EndTensor(panel.stats.snr_db(), panel.stats.sparsity());
}

}  // namespace ounce
