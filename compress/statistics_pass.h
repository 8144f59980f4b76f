// Collects the statistics of a float model's inputs into a file.
#ifndef OUNCE_COMPRESS_STATISTICS_PASS_H_
#define OUNCE_COMPRESS_STATISTICS_PASS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compress/calibration.h"
#include "compress/calibration_plan.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/progress.h"
#include "formats/artifact/artifact.h"
#include "formats/model_file.h"
#include "kernels/kernel_context.h"
#include "model/spec.h"

namespace ounce {

// kInvalidArgument naming what of `recipe` needs the activations themselves.
absl::Status CheckNeedsOnlyStatistics(const Recipe& recipe);

// Bytes that a file of the statistics `plan` needs takes, about.
int64_t StatisticsBytes(const ModelSpec& spec, const Plan& plan);

// What is collected of what; all must outlive the call.
struct StatisticsInput {
  const ModelFile& model;
  const Plan& plan;
  const Calibration& calibration;
  const CalibrationPlan& resources;
};

struct StatisticsOptions {
  std::string tool_version;
  std::vector<SourceFile> sources;  // Of `model`, hashed.
  ProgressCallback progress;        // Counts layers.
};

// Runs the float model, nothing of it quantised or pruned, over the calibration
// text and writes the statistics of each input that `plan` calibrates a matrix
// on to `path`, atomically.  They do not depend on codecs or options: any
// recipe that calibrates these matrices can be served from them. At most
// `resources.moment_bytes` of second moments are held at a time, or one
// matrix's; activations spill to a file beside `path` if `resources` says so.
// Errors: as CompressCalibrated(), and those of writing the file.
absl::Status CollectStatistics(const StatisticsInput& input,
                               const std::string& path,
                               const StatisticsOptions& options,
                               KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_STATISTICS_PASS_H_
