#include "compress/compress.h"

#include <algorithm>
#include <future>
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

// Drives every tensor of a plan through its passes into the writer.
class Pipeline {
 public:
  Pipeline(const ModelFile& model, const Plan& plan,
           const ProgressCallback& progress, ThreadPool* pool,
           ArtifactWriter* writer)
      : model_(model),
        plan_(plan),
        progress_(progress),
        pass_(pool),
        writer_(*writer) {
    for (const TensorPlan& row : plan.tensors) {
      work_bytes_ += row.tensor->matrix.bytes;
    }
  }

  absl::Status Run(CompressReport* report) {
    for (const TensorPlan& row : plan_.tensors) {
      OUNCE_RETURN_IF_ERROR(WriteTensor(row, report));
    }
    return absl::OkStatus();
  }

 private:
  // Calls visit(begin, end) for each panel of rows and gives the panel's source
  // pages back afterwards.
  template <typename Visit>
  absl::Status ForEachPanel(const TensorPlan& row, Visit visit) {
    const PackedMatrix& matrix = row.tensor->matrix;
    const int64_t row_bytes = matrix.bytes / matrix.rows;
    const int64_t step = TensorPass::PanelRows(matrix.cols);
    for (int64_t begin = 0; begin < matrix.rows; begin += step) {
      const int64_t end = std::min(matrix.rows, begin + step);
      OUNCE_RETURN_IF_ERROR(visit(begin, end));
      model_.source->Release(
          absl::MakeConstSpan(matrix.data + begin * row_bytes,
                              static_cast<size_t>((end - begin) * row_bytes)));
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
      return absl::OkStatus();
    });
  }

  absl::Status WriteTensor(const TensorPlan& row, CompressReport* report) {
    OUNCE_ASSIGN_OR_RETURN(Pruner* const pruner, PrunerOf(row));
    TensorRecord record;
    record.name = row.tensor->slot.name;
    record.shape = row.tensor->slot.shape;
    record.codec = row.codec;
    record.group_size = row.group_size;
    OUNCE_RETURN_IF_ERROR(writer_.BeginTensor(std::move(record)));
    TensorStats stats;
    OUNCE_RETURN_IF_ERROR(
        ForEachPanel(row, [&](int64_t begin, int64_t end) -> absl::Status {
          absl::Span<const uint8_t> packed;
          OUNCE_RETURN_IF_ERROR(
              pass_.Run(row, begin, end, pruner, &packed, &stats));
          const PackedMatrix& matrix = row.tensor->matrix;
          done_bytes_ += (end - begin) * (matrix.bytes / matrix.rows);
          ReportProgress(progress_, done_bytes_, work_bytes_);
          return writer_.AppendBytes(packed);
        }));
    OUNCE_RETURN_IF_ERROR(writer_.EndTensor(stats.snr_db(), stats.sparsity()));
    report->tensors.push_back(
        {row.tensor->slot.name, stats.snr_db(),
         static_cast<double>(stats.pruned) / static_cast<double>(stats.weights),
         stats.sparsity(), stats.tiny_scales});
    return absl::OkStatus();
  }

  const ModelFile& model_;
  const Plan& plan_;
  const ProgressCallback& progress_;
  TensorPass pass_;
  ArtifactWriter& writer_;
  absl::flat_hash_map<const PruneRule*, std::unique_ptr<Pruner>> pruners_;
  int64_t done_bytes_ = 0;
  int64_t work_bytes_ = 0;
};

void WarnOfTinyScales(CompressReport* report) {
  for (const CompressReport::Tensor& tensor : report->tensors) {
    if (tensor.tiny_scales == 0) continue;
    report->warnings.push_back(absl::StrCat(
        "tensor '", tensor.name, "': ", tensor.tiny_scales,
        " group scales are below the smallest normal f16 and lose precision; "
        "keep it in int8 or float if that matters"));
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
  // Beside the work: hashing is one long chain that no second thread could
  // help.
  std::future<absl::StatusOr<std::vector<SourceFile>>> sources =
      std::async(std::launch::async, HashSourceFiles, model.path, model.files);
  Pipeline pipeline(model, plan, options.progress, pool, writer.get());
  OUNCE_RETURN_IF_ERROR(pipeline.Run(&report));
  Provenance provenance;
  provenance.tool_version = options.tool_version;
  provenance.recipe = RecipeYaml(recipe);
  OUNCE_ASSIGN_OR_RETURN(provenance.sources, sources.get());
  OUNCE_ASSIGN_OR_RETURN(
      report.artifact_id,
      writer->Finish(model.spec, model.tokenizer, provenance));
  report.file_bytes = writer->file_bytes();
  WarnOfTinyScales(&report);
  return report;
}

}  // namespace ounce
