#include "compress/compress.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "compress/source_hash.h"
#include "compress/tensor_pass.h"
#include "core/status_macros.h"
#include "formats/artifact/artifact_writer.h"
#include "prune/pruner.h"

namespace ounce {
namespace {

// Drives every tensor of a plan through its passes into the writer.  While the
// pool compresses a panel it also hashes as much of the source, writes the
// panel before and gives its source pages back, so that all threads have work
// to the end.
class Pipeline {
 public:
  Pipeline(const ModelFile& model, const Plan& plan,
           const ProgressCallback& progress, ThreadPool* pool,
           ArtifactWriter* writer)
      : model_(model),
        plan_(plan),
        progress_(progress),
        pass_(pool),
        hasher_(model.folder, model.files),
        writer_(*writer) {
    for (const TensorPlan& row : plan.tensors) {
      work_bytes_ += row.tensor->matrix.bytes;
    }
  }

  absl::Status Run(CompressReport* report) {
    for (const TensorPlan& row : plan_.tensors) {
      OUNCE_RETURN_IF_ERROR(CompressTensor(row, report));
    }
    Release(last_);
    return Write(last_);
  }

  absl::StatusOr<std::vector<SourceFile>> FinishSources() {
    return hasher_.Finish();
  }

 private:
  // Rows of a tensor, compressed but not yet written.
  struct Panel {
    const TensorPlan* row = nullptr;
    int64_t begin = 0;
    int64_t end = 0;
    absl::Span<const uint8_t> packed;  // Lives in pass_.
    TensorStats stats;                 // Of the tensor up to here.
  };

  // Calls visit(begin, end) for each panel of rows.
  template <typename Visit>
  absl::Status ForEachPanel(const TensorPlan& row, Visit visit) {
    const PackedMatrix& matrix = row.tensor->matrix;
    const int64_t step = TensorPass::PanelRows(matrix.cols);
    for (int64_t begin = 0; begin < matrix.rows; begin += step) {
      const int64_t end = std::min(matrix.rows, begin + step);
      OUNCE_RETURN_IF_ERROR(visit(begin, end));
    }
    return absl::OkStatus();
  }

  // The pruner of a tensor, scanned; null when it is not pruned.  Tensors of a
  // global rule share one, scanned over all of them when the first is reached.
  absl::StatusOr<Pruner*> PrunerOf(const TensorPlan& row) {
    if (row.prune == nullptr) return nullptr;
    const bool known = row.prune->global && pruners_.contains(row.prune);
    std::unique_ptr<Pruner>& pruner = pruners_[row.prune];
    if (known) return pruner.get();
    pruner = row.prune->method->create(row.prune->sparsity);
    for (int round = 0; round < pruner->num_scan_rounds(); ++round) {
      for (const TensorPlan& other : plan_.tensors) {
        const bool shares = row.prune->global && other.prune == row.prune;
        if (&other != &row && !shares) continue;
        OUNCE_RETURN_IF_ERROR(Scan(other, round, pruner.get()));
      }
      pruner->EndRound(round);
    }
    return pruner.get();
  }

  absl::Status Scan(const TensorPlan& row, int round, Pruner* pruner) {
    return ForEachPanel(row, [&](int64_t begin, int64_t end) -> absl::Status {
      OUNCE_ASSIGN_OR_RETURN(const MatrixView<float> panel,
                             pass_.Read(*row.tensor, begin, end));
      pruner->Scan(round, panel);
      model_.source->Release(StoredBytes(*row.tensor, begin, end));
      return absl::OkStatus();
    });
  }

  absl::Status CompressTensor(const TensorPlan& row, CompressReport* report) {
    OUNCE_ASSIGN_OR_RETURN(Pruner* const pruner, PrunerOf(row));
    TensorStats stats;
    OUNCE_RETURN_IF_ERROR(ForEachPanel(row, [&](int64_t begin, int64_t end) {
      return CompressPanel(row, begin, end, pruner, &stats);
    }));
    report->tensors.push_back(
        {row.tensor->slot.name, stats.snr_db(),
         static_cast<double>(stats.pruned) / static_cast<double>(stats.weights),
         stats.sparsity(), stats.tiny_scales});
    return absl::OkStatus();
  }

  absl::Status CompressPanel(const TensorPlan& row, int64_t begin, int64_t end,
                             Pruner* pruner, TensorStats* stats) {
    const PackedMatrix& matrix = row.tensor->matrix;
    const int64_t bytes = (end - begin) * (matrix.bytes / matrix.rows);
    absl::Status written;
    pass_.AddTask([&] { hasher_.Advance(bytes); });
    pass_.AddTask([&] { written = Write(last_); });
    // Between two runs it would leave the other threads idle, and asleep.
    pass_.AddTask([&] { Release(last_); });
    Panel panel = {&row, begin, end, {}, {}};
    OUNCE_RETURN_IF_ERROR(
        pass_.Run(row, begin, end, pruner, &panel.packed, stats));
    OUNCE_RETURN_IF_ERROR(written);
    panel.stats = *stats;
    last_ = panel;
    done_bytes_ += bytes;
    ReportProgress(progress_, done_bytes_, work_bytes_);
    return absl::OkStatus();
  }

  // Gives the source pages of a panel back.
  void Release(const Panel& panel) {
    if (panel.row == nullptr) return;
    model_.source->Release(
        StoredBytes(*panel.row->tensor, panel.begin, panel.end));
  }

  absl::Status Write(const Panel& panel) {
    if (panel.row == nullptr) return absl::OkStatus();
    if (panel.begin == 0) {
      TensorRecord record;
      record.name = panel.row->tensor->slot.name;
      record.shape = panel.row->tensor->slot.shape;
      record.codec = panel.row->codec;
      record.group_size = panel.row->group_size;
      OUNCE_RETURN_IF_ERROR(writer_.BeginTensor(std::move(record)));
    }
    OUNCE_RETURN_IF_ERROR(writer_.AppendBytes(panel.packed));
    if (panel.end < panel.row->tensor->matrix.rows) return absl::OkStatus();
    return writer_.EndTensor(panel.stats.snr_db(), panel.stats.sparsity());
  }

  const ModelFile& model_;
  const Plan& plan_;
  const ProgressCallback& progress_;
  TensorPass pass_;
  SourceHasher hasher_;
  ArtifactWriter& writer_;
  Panel last_;
  absl::flat_hash_map<const PruneRule*, std::unique_ptr<Pruner>> pruners_;
  int64_t done_bytes_ = 0;
  int64_t work_bytes_ = 0;
};

void WarnOfTinyScales(CompressReport* report) {
  for (const CompressReport::Tensor& tensor : report->tensors) {
    if (tensor.tiny_scales == 0) continue;
    report->warnings.push_back(absl::StrCat(
        "tensor '", tensor.name, "': ", tensor.tiny_scales,
        " groups are too small for their codec's scales and lose precision or "
        "become 0; keep it in int8 or float if that matters"));
  }
}

}  // namespace

absl::StatusOr<CompressReport> Compress(const ModelFile& model,
                                        const Recipe& recipe, const Plan& plan,
                                        const std::string& path,
                                        const CompressOptions& options,
                                        ThreadPool* pool) {
  CompressReport report;
  report.warnings = plan.warnings;
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactWriter> writer,
                         ArtifactWriter::Create(path, plan.bytes));
  Pipeline pipeline(model, plan, options.progress, pool, writer.get());
  OUNCE_RETURN_IF_ERROR(pipeline.Run(&report));
  Provenance provenance;
  provenance.tool_version = options.tool_version;
  provenance.recipe = RecipeYaml(recipe);
  OUNCE_ASSIGN_OR_RETURN(provenance.sources, pipeline.FinishSources());
  OUNCE_ASSIGN_OR_RETURN(
      report.artifact_id,
      writer->Finish(model.spec, model.tokenizer, provenance));
  report.file_bytes = writer->file_bytes();
  report.sync_seconds = writer->sync_seconds();
  WarnOfTinyScales(&report);
  return report;
}

}  // namespace ounce
