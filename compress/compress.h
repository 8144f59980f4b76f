// The pipeline: a checkpoint, a plan, and an artifact written in one pass.
#ifndef OUNCE_COMPRESS_COMPRESS_H_
#define OUNCE_COMPRESS_COMPRESS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compress/compress_report.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "formats/artifact/artifact.h"
#include "formats/model_file.h"

namespace ounce {

struct CompressOptions {
  std::string tool_version;   // Goes into the artifact's provenance.
  ProgressCallback progress;  // Counts bytes of the source.
};

// Writes `model` as an artifact at `path`.  Memory stays within
// plan.memory_bytes; source pages are given back as soon as they are read.  The
// same model, recipe and tool version give the same bytes on any machine and
// for any number of threads.  Nothing appears at `path` unless all went well.
// Errors: of the source's content as kInvalidArgument naming the tensor, of the
// output as AtomicFile.
absl::StatusOr<CompressReport> Compress(const ModelFile& model,
                                        const Recipe& recipe, const Plan& plan,
                                        const std::string& path,
                                        const CompressOptions& options,
                                        ThreadPool* pool);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_COMPRESS_H_
