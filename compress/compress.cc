#include "compress/compress.h"

#include <memory>

#include "compress/panel_pipeline.h"
#include "compress/source_hash.h"
#include "core/status_macros.h"
#include "formats/artifact/artifact_writer.h"

namespace ounce {

absl::StatusOr<CompressReport> Compress(const ModelFile& model,
                                        const Recipe& recipe, const Plan& plan,
                                        const std::string& path,
                                        const CompressOptions& options,
                                        ThreadPool* pool) {
  CompressReport report;
  report.warnings = plan.warnings;
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactWriter> writer,
                         ArtifactWriter::Create(path, plan.bytes));
  SourceHasher hasher(model.folder, model.files);
  int64_t done_bytes = 0;
  PanelPipeline::Hooks hooks;
  hooks.beside = [&](int64_t bytes) { hasher.Advance(bytes); };
  hooks.progress = [&](int64_t bytes) {
    done_bytes += bytes;
    ReportProgress(options.progress, done_bytes, plan.source_bytes);
  };
  PanelPipeline pipeline(model, plan, hooks, pool, writer.get());
  OUNCE_RETURN_IF_ERROR(pipeline.Run(plan.tensors, &report));
  Provenance provenance;
  provenance.tool_version = options.tool_version;
  provenance.recipe = RecipeYaml(recipe);
  OUNCE_ASSIGN_OR_RETURN(provenance.sources, hasher.Finish());
  OUNCE_ASSIGN_OR_RETURN(
      report.artifact_id,
      writer->Finish(model.spec, model.tokenizer, provenance));
  report.file_bytes = writer->file_bytes();
  report.sync_seconds = writer->sync_seconds();
  WarnOfTensors(&report);
  return report;
}

}  // namespace ounce
