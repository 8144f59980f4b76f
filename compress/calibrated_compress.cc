#include "compress/calibrated_compress.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "calibrate/activation_store.h"
#include "calibrate/layer_inputs.h"
#include "compress/block.h"
#include "compress/block_quantize.h"
#include "compress/block_statistics.h"
#include "compress/channel_scale_search.h"
#include "compress/float_pass.h"
#include "compress/head_pass.h"
#include "compress/panel_pipeline.h"
#include "compress/plan_parts.h"
#include "compress/source_hash.h"
#include "compress/statistics_pass.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "formats/artifact/artifact_writer.h"
#include "kernels/isa.h"
#include "model/tensor_table.h"
#include "runtime/executor.h"

namespace ounce {
namespace {

// The finished tensors, mapped.
class WrittenTensors {
 public:
  static absl::StatusOr<WrittenTensors> Open(const ArtifactWriter& writer) {
    WrittenTensors written;
    OUNCE_ASSIGN_OR_RETURN(written.map_,
                           MappedFile::Open(writer.partial_path()));
    for (const TensorRecord& record : writer.records()) {
      written.records_[record.name] = record;
    }
    return written;
  }

  // `row`'s tensor as it was written, or as it is in the source.
  BoundTensor Bind(const TensorPlan& row) const {
    const auto found = records_.find(row.tensor->slot.name);
    if (found == records_.end()) return *row.tensor;
    const TensorRecord& record = found->second;
    PackedMatrix matrix = row.tensor->matrix;
    matrix.codec = record.codec;
    matrix.group_size = record.group_size;
    matrix.bytes = record.bytes;
    matrix.data = map_->bytes().data() + record.offset;
    return {row.tensor->slot, matrix, {}};
  }
  BoundTensors Bind(absl::Span<const TensorPlan> rows) const {
    BoundTensors bound;
    for (const TensorPlan& row : rows) bound.tensors.push_back(Bind(row));
    return bound;
  }
  // Gives the memory of all of them back.
  void Release() const { map_->Release(map_->bytes()); }

 private:
  std::unique_ptr<MappedFile> map_;
  absl::flat_hash_map<std::string, TensorRecord> records_;
};

class CalibratedRun {
 public:
  CalibratedRun(const ModelFile& model, const Recipe& recipe, const Plan& plan,
                const Calibration& calibration,
                const CalibrationPlan& resources,
                const CalibratedOptions& options, KernelContext* context)
      : model_(model),
        recipe_(recipe),
        plan_(plan),
        calibration_(calibration),
        resources_(resources),
        options_(options),
        context_(*context),
        parts_(DividePlan(plan)) {}

  absl::StatusOr<CompressReport> Run(const std::string& path) {
    path_ = path;
    OUNCE_RETURN_IF_ERROR(HashSources());
    OUNCE_RETURN_IF_ERROR(OpenWriter());
    PanelPipeline panels(model_, plan_, {}, &context_.pool(), writer_.get());
    if (journal_.layers < 0) {
      OUNCE_RETURN_IF_ERROR(CompressBefore(&panels));
      OUNCE_RETURN_IF_ERROR(Checkpoint(0));
    }
    OUNCE_RETURN_IF_ERROR(stored() == nullptr ? CompressRest(&panels)
                                              : CompressStored(&panels));
    return Finish();
  }

 private:
  absl::Status HashSources() {
    SourceHasher hasher(model_.folder, model_.files);
    OUNCE_ASSIGN_OR_RETURN(provenance_.sources, hasher.Finish());
    provenance_.tool_version = options_.tool_version;
    provenance_.recipe = RecipeYaml(recipe_);
    if (stored() == nullptr) {
      provenance_.calibration = SourceOf(calibration_);
      return absl::OkStatus();
    }
    provenance_.calibration = stored()->origin().calibration;
    OUNCE_RETURN_IF_ERROR(CheckNeedsOnlyStatistics(recipe_));
    return stored()->CheckSources(provenance_.sources);
  }

  const StatisticsFile* stored() const { return options_.statistics; }

  // Of all that decides about a bit of the result.  Instruction sets do: float
  // products round otherwise.  What the model wrote itself is in the journal.
  std::string Fingerprint() const {
    const CalibrationOptions& options = calibration_.options;
    Json::Array sources;
    for (const SourceFile& source : provenance_.sources) {
      sources.push_back(source.name);
      sources.push_back(source.sha256);
    }
    const Json all = Json::Of(
        {{"sources", sources},
         {"recipe", provenance_.recipe},
         {"version", provenance_.tool_version},
         {"isa", IsaName(context_.table().isa)},
         {"tokens", options.tokens},
         {"context", options.context},
         {"seed", absl::StrCat(options.seed)},
         {"text", calibration_.own_text ? "own" : calibration_.sha256},
         {"statistics", stored() == nullptr ? "" : stored()->fingerprint()}});
    return Sha256Hex(all.Dump());
  }

  // They are mapped as what the plan says they are.
  absl::Status CheckRecords(absl::Span<const TensorRecord> records) const {
    for (size_t i = 0; i < records.size(); ++i) {
      if (i < plan_.tensors.size()) {
        const TensorRecord planned = RecordOf(plan_.tensors[i]);
        if (records[i].name == planned.name &&
            records[i].shape == planned.shape &&
            records[i].codec == planned.codec &&
            records[i].group_size == planned.group_size) {
          continue;
        }
      }
      return absl::DataLossError(absl::StrCat(
          "'", JournalPath(path_), "': tensor '", records[i].name,
          "' is none that this run writes there; start anew without "
          "--resume"));
    }
    return absl::OkStatus();
  }

  absl::Status OpenWriter() {
    const std::string fingerprint = Fingerprint();
    if (options_.resume != nullptr) {
      if (options_.resume->fingerprint != fingerprint) {
        return absl::FailedPreconditionError(absl::StrCat(
            "'", JournalPath(path_),
            "' is of a run with another checkpoint, recipe, calibration text, "
            "statistics, instruction set or version; give what it was given, "
            "or start anew without --resume"));
      }
      OUNCE_RETURN_IF_ERROR(CheckRecords(options_.resume->records));
      journal_ = *options_.resume;
      OUNCE_ASSIGN_OR_RETURN(writer_, ArtifactWriter::Resume(path_, plan_.bytes,
                                                             journal_.records));
      journal_.report.resumed_layers = journal_.layers;
      return absl::OkStatus();
    }
    OUNCE_ASSIGN_OR_RETURN(writer_, ArtifactWriter::Create(path_, plan_.bytes));
    RemoveJournal(path_);
    journal_.fingerprint = fingerprint;
    journal_.layers = -1;
    journal_.report.warnings = plan_.warnings;
    if (calibration_.own_text) journal_.windows = calibration_.windows;
    return absl::OkStatus();
  }

  absl::Status Checkpoint(int64_t layers) {
    OUNCE_RETURN_IF_ERROR(writer_->Checkpoint());
    journal_.layers = layers;
    journal_.records.assign(writer_->records().begin(),
                            writer_->records().end());
    return WriteJournal(path_, journal_);
  }

  absl::Status CompressBefore(PanelPipeline* panels) {
    for (const TensorPlan& row : parts_.before) {
      if (IsCalibratedHead(model_.spec, row)) {
        // Tied: its input comes last, and is needed first.
        OUNCE_RETURN_IF_ERROR(WriteHead(row, stored() == nullptr
                                                 ? CollectFloatStates()
                                                 : StoredStates(row)));
      } else {
        OUNCE_RETURN_IF_ERROR(panels->Run({&row, 1}, &journal_.report));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CompressRest(PanelPipeline* panels) {
    OUNCE_ASSIGN_OR_RETURN(const WrittenTensors written,
                           WrittenTensors::Open(*writer_));
    // Everything but the layers, which run one by one.
    BoundTensors bound = written.Bind(parts_.before);
    for (const TensorPlan& row : parts_.after) {
      bound.tensors.push_back(*row.tensor);
    }
    const ModelWeights ends = ArrangeWeights(model_.spec, bound);
    Executor executor(ends, &context_, calibration_.options.context);
    OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ActivationStore> stream,
                           EmbedWindows(calibration_, SpillPath(), &executor));
    if (recipe_.propagates_error()) {
      OUNCE_ASSIGN_OR_RETURN(float_stream_, EmbedFloat(Float()));
    }
    written.Release();
    const auto layers = static_cast<int64_t>(parts_.layers.size());
    for (int64_t layer = 0; layer < layers; ++layer) {
      if (layer < journal_.layers) {
        OUNCE_RETURN_IF_ERROR(
            RunWritten(written, layer, &executor, stream.get()));
      } else {
        OUNCE_RETURN_IF_ERROR(
            CompressLayer(layer, panels, &executor, stream.get()));
      }
      ReportProgress(options_.progress, layer + 1, layers);
    }
    return CompressAfter(panels, &executor, stream.get());
  }

  // The layers one by one as well, but nothing runs.
  absl::Status CompressStored(PanelPipeline* panels) {
    StoredStatistics statistics(*stored());
    const auto layers = static_cast<int64_t>(parts_.layers.size());
    for (int64_t layer = std::max<int64_t>(0, journal_.layers); layer < layers;
         ++layer) {
      OUNCE_ASSIGN_OR_RETURN(Block block, LoadPruned(layer, panels));
      OUNCE_RETURN_IF_ERROR(QuantizeBlock(&statistics, resources_.moment_bytes,
                                          &context_, &block));
      OUNCE_RETURN_IF_ERROR(Write(&block));
      OUNCE_RETURN_IF_ERROR(Checkpoint(layer + 1));
      ReportProgress(options_.progress, layer + 1, layers);
    }
    return CompressAfter(panels, nullptr, nullptr);
  }

  // `executor` and `stream` are null if the states are stored.
  absl::Status CompressAfter(PanelPipeline* panels, Executor* executor,
                             const ActivationStore* stream) {
    for (const TensorPlan& row : parts_.after) {
      if (IsCalibratedHead(model_.spec, row)) {
        OUNCE_RETURN_IF_ERROR(WriteHead(
            row, executor == nullptr
                     ? StoredStates(row)
                     : CollectFinalStates(*stream, executor, &context_)));
      } else {
        OUNCE_RETURN_IF_ERROR(panels->Run({&row, 1}, &journal_.report));
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteHead(const TensorPlan& row,
                         const absl::StatusOr<InputStatistics>& states) {
    OUNCE_RETURN_IF_ERROR(
        CompressHead(row, states, &context_, writer_.get(), &journal_.report));
    ReleaseSource(row);
    return absl::OkStatus();
  }

  absl::StatusOr<InputStatistics> StoredStates(const TensorPlan& head) const {
    return stored()->Read(head.tensor->slot.name, head.tensor->matrix.cols,
                          /*second_moment=*/true);
  }

  // The final states of the float model.
  absl::StatusOr<InputStatistics> CollectFloatStates() {
    return RunFloatModel(
        Float(), /*final_states=*/true,
        [](const LayerRun& run, Block*, ActivationStore* stream) {
          return AdvanceLayer(run, stream);
        });
  }

  FloatPass Float() {
    return {model_, parts_, calibration_, SpillPath(), &context_};
  }

  std::string SpillPath() const {
    return resources_.spill ? absl::StrCat(path_, ".activations") : "";
  }

  void ReleaseSource(const TensorPlan& row) {
    model_.source->Release(
        StoredBytes(*row.tensor, 0, row.tensor->matrix.rows));
  }

  // A layer that an interrupted run has finished.
  absl::Status RunWritten(const WrittenTensors& written, int64_t index,
                          Executor* executor, ActivationStore* stream) {
    const LayerWeights layer =
        ArrangeLayer(model_.spec, index,
                     written.Bind(parts_.layers[static_cast<size_t>(index)]));
    OUNCE_RETURN_IF_ERROR(
        AdvanceLayer({executor, &context_, &layer, index, stream}, stream));
    written.Release();
    return AdvanceFloat(index, executor);
  }

  // The float model's stream, if there is one, through a layer: as the source
  // has it, so that it is the same whether or not the layer is resumed.
  absl::Status AdvanceFloat(int64_t index, Executor* executor) {
    if (float_stream_ == nullptr) return absl::OkStatus();
    return AdvanceFloatLayer(Float(), index, executor, float_stream_.get());
  }

  absl::StatusOr<Block> LoadPruned(int64_t index, PanelPipeline* panels) {
    const absl::Span<const TensorPlan> rows =
        parts_.layers[static_cast<size_t>(index)];
    OUNCE_ASSIGN_OR_RETURN(
        Block block, Block::Load(model_.spec, index, rows, &context_.pool()));
    for (BlockTensor& tensor : block.tensors()) {
      OUNCE_ASSIGN_OR_RETURN(Pruner* const pruner,
                             panels->PrunerOf(*tensor.plan));
      if (pruner != nullptr) pruner->Apply(tensor.values.view());
      ReleaseSource(*tensor.plan);
    }
    return block;
  }

  absl::Status CompressLayer(int64_t index, PanelPipeline* panels,
                             Executor* executor, ActivationStore* stream) {
    OUNCE_ASSIGN_OR_RETURN(Block block, LoadPruned(index, panels));
    const BlockRun run = {executor, &context_, stream, float_stream_.get()};
    for (const ScaleRule rule : recipe_.channel_scales) {
      OUNCE_RETURN_IF_ERROR(
          SearchChannelScales(run, rule, &block, &journal_.report));
    }
    OUNCE_RETURN_IF_ERROR(QuantizeBlock(run, resources_.moment_bytes, &block));
    const LayerWeights layer = block.Arrange();
    OUNCE_RETURN_IF_ERROR(
        AdvanceLayer({executor, &context_, &layer, index, stream}, stream));
    OUNCE_RETURN_IF_ERROR(Write(&block));
    // Of no more use, and as large as what is loaded now.
    for (BlockTensor& tensor : block.tensors()) tensor = BlockTensor();
    OUNCE_RETURN_IF_ERROR(AdvanceFloat(index, executor));
    return Checkpoint(index + 1);
  }

  absl::Status Write(Block* block) {
    for (BlockTensor& tensor : block->tensors()) {
      OUNCE_RETURN_IF_ERROR(writer_->BeginTensor(RecordOf(*tensor.plan)));
      OUNCE_RETURN_IF_ERROR(writer_->AppendBytes(tensor.packed));
      OUNCE_RETURN_IF_ERROR(
          writer_->EndTensor(tensor.report.snr_db, tensor.report.sparsity));
      journal_.report.tensors.push_back(std::move(tensor.report));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<CompressReport> Finish() {
    CompressReport report = std::move(journal_.report);
    OUNCE_ASSIGN_OR_RETURN(
        report.artifact_id,
        writer_->Finish(model_.spec, model_.tokenizer, provenance_));
    RemoveJournal(path_);
    report.file_bytes = writer_->file_bytes();
    report.sync_seconds = writer_->sync_seconds();
    WarnOfTensors(&report);
    return report;
  }

  const ModelFile& model_;
  const Recipe& recipe_;
  const Plan& plan_;
  const Calibration& calibration_;
  const CalibrationPlan& resources_;
  const CalibratedOptions& options_;
  KernelContext& context_;
  const PlanParts parts_;
  std::string path_;
  Provenance provenance_;
  std::unique_ptr<ArtifactWriter> writer_;
  Journal journal_;
  // The float model's activations, where errors are propagated.
  std::unique_ptr<ActivationStore> float_stream_;
};

}  // namespace

absl::StatusOr<CompressReport> CompressCalibrated(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const Calibration& calibration, const CalibrationPlan& resources,
    const std::string& path, const CalibratedOptions& options,
    KernelContext* context) {
  return CalibratedRun(model, recipe, plan, calibration, resources, options,
                       context)
      .Run(path);
}

}  // namespace ounce
