// What `ounce compress` does for recipes that calibrate.
#ifndef OUNCE_TOOLS_CALIBRATED_RUN_H_
#define OUNCE_TOOLS_CALIBRATED_RUN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compress/calibration_plan.h"
#include "compress/compress.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "formats/model_file.h"
#include "kernels/kernel_context.h"
#include "tools/command.h"
#include "tools/command_line.h"

namespace ounce {

struct CalibrationArguments {
  std::string text;  // A file; empty: the model writes its own.
  int64_t tokens = 32768;
  int64_t context = 0;
  uint64_t seed = 0;
  std::string max_ram;
  bool resume = false;
  // Files of statistics (compress/statistics_file.h), to take them from or to
  // write them to; at most one is given.
  std::string statistics;
  std::string save_statistics;

  // Whether any was given.
  bool given() const;
};

// A usage error: both files, or a recipe that they do not serve.
absl::Status CheckStatisticsArguments(const CalibrationArguments& arguments,
                                      const Recipe& recipe);

void DeclareCalibration(CommandLine& line, CalibrationArguments* arguments);

// "2G", "512M", "1.5G", "800000000": bytes.
// A usage error: anything else.
absl::StatusOr<int64_t> ParseBytes(const std::string& text);

// What calibrating will need; prints it as a remark.
absl::StatusOr<CalibrationPlan> PlanCalibratedRun(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const CalibrationArguments& arguments, const CommonOptions& common,
    KernelContext* context);

// Calibrates and compresses to `output`.
// kFailedPrecondition: statistics of another checkpoint, or of a text or
// settings other than those given.
absl::StatusOr<CompressReport> RunCalibrated(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const CalibrationArguments& arguments, const std::string& output,
    const CommonOptions& common, KernelContext* context);

// The tensors with the lowest signal-to-noise ratio, as a table; and the
// channel scales.  Empty for reports without calibration.
std::string CalibrationTables(const CompressReport& report);

}  // namespace ounce

#endif  // OUNCE_TOOLS_CALIBRATED_RUN_H_
