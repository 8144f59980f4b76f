// Compresses block by block: each is calibrated on what the blocks before it
// give as they will run, in bounded memory, and safe once it is written.
#ifndef OUNCE_COMPRESS_CALIBRATED_COMPRESS_H_
#define OUNCE_COMPRESS_CALIBRATED_COMPRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "compress/calibration.h"
#include "compress/calibration_plan.h"
#include "compress/compress.h"
#include "compress/journal.h"
#include "compress/statistics_file.h"
#include "kernels/kernel_context.h"

namespace ounce {

struct CalibratedOptions {
  std::string tool_version;
  ProgressCallback progress;  // Counts layers.
  // Of an interrupted run whose journal this is; null: from the start.
  const Journal* resume = nullptr;
  // Where the statistics come from, instead of running the model: then there is
  // no error of the layers before that a layer could make up for, and no text
  // is needed, `calibration` is not looked at.
  const StatisticsFile* statistics = nullptr;
};

// As Compress(), for recipes that calibrate.  Beside `path` lies its journal
// until all is done; after an error or a kill, a run with `resume` gives the
// same file as one that was never interrupted.
// A matrix that `statistics` has nothing of is rounded to nearest by name.
// Further errors: kInvalidArgument: `statistics`, and channel scales in the
// recipe.  kUnimplemented: a model of an encoder and a decoder, or whose
// layers share weights.  kFailedPrecondition: `resume` is of another run,
// or `statistics` are another checkpoint's.
// kResourceExhausted: the activations do not fit memory or disk.
absl::StatusOr<CompressReport> CompressCalibrated(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const Calibration& calibration, const CalibrationPlan& resources,
    const std::string& path, const CalibratedOptions& options,
    KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_CALIBRATED_COMPRESS_H_
