// Drives tensors of a plan, one after the other and a panel of rows at a time,
// through their passes into an artifact.
#ifndef OUNCE_COMPRESS_PANEL_PIPELINE_H_
#define OUNCE_COMPRESS_PANEL_PIPELINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compress/compress_report.h"
#include "compress/plan.h"
#include "compress/tensor_pass.h"
#include "formats/artifact/artifact_writer.h"
#include "formats/model_file.h"
#include "prune/pruner.h"

namespace ounce {

// While the pool compresses a panel it also does the work of `beside`, writes
// the panel before and gives its source pages back, so that all threads have
// work to the end.  Not thread-safe.
class PanelPipeline {
 public:
  struct Hooks {
    // Told what has been read of the source, in bytes.
    std::function<void(int64_t bytes)> progress;
    // Called beside the compression of a panel of so many bytes, on any thread.
    std::function<void(int64_t bytes)> beside;
  };

  // All must outlive it.
  PanelPipeline(const ModelFile& model, const Plan& plan, Hooks hooks,
                ThreadPool* pool, ArtifactWriter* writer)
      : model_(model),
        plan_(plan),
        hooks_(std::move(hooks)),
        pass_(pool),
        writer_(*writer) {}

  // Compresses and writes `rows`, which are some of the plan's, and adds a line
  // on each to `report`.  Errors of a tensor's content as kInvalidArgument
  // naming it, of the output as AtomicFile.
  absl::Status Run(absl::Span<const TensorPlan> rows, CompressReport* report);

  // The pruner of a tensor, scanned; null when it is not pruned.  Tensors of a
  // global rule share one, scanned over all of them when the first is reached.
  absl::StatusOr<Pruner*> PrunerOf(const TensorPlan& row);

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
  static absl::Status ForEachPanel(
      const TensorPlan& row,
      absl::FunctionRef<absl::Status(int64_t begin, int64_t end)> visit);
  absl::Status Scan(const TensorPlan& row, int round, Pruner* pruner);
  absl::Status CompressTensor(const TensorPlan& row, CompressReport* report);
  absl::Status CompressPanel(const TensorPlan& row, int64_t begin, int64_t end,
                             Pruner* pruner, TensorStats* stats);
  // Gives the source pages of a panel back.
  void Release(const Panel& panel);
  absl::Status Write(const Panel& panel);

  const ModelFile& model_;
  const Plan& plan_;
  const Hooks hooks_;
  TensorPass pass_;
  ArtifactWriter& writer_;
  Panel last_;
  absl::flat_hash_map<const PruneRule*, std::unique_ptr<Pruner>> pruners_;
};

}  // namespace ounce

#endif  // OUNCE_COMPRESS_PANEL_PIPELINE_H_
