// What compressing with calibration will need, worked out before it starts.
#ifndef OUNCE_COMPRESS_CALIBRATION_PLAN_H_
#define OUNCE_COMPRESS_CALIBRATION_PLAN_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "kernels/kernel_context.h"
#include "model/spec.h"

namespace ounce {

struct CalibrationPlan {
  int64_t memory_bytes = 0;  // Peak resident, the program itself included.
  int64_t disk_bytes = 0;    // The artifact, and activations if they spill.
  bool spill = false;        // Activations go to a file.
  int64_t moment_bytes = 0;  // Second moments that may be held at a time.
  double seconds = 0.0;      // A rough guess.
};

struct CalibrationNeeds {
  int64_t tokens = 0;
  int64_t context = 0;        // Longest window.
  int64_t max_ram_bytes = 0;  // 0: no limit.
  // Statistics come from a file: nothing runs, and `tokens` and `context` do
  // not count.
  bool stored_statistics = false;
};

// kResourceExhausted: more memory than `max_ram_bytes` even with activations in
// a file, with what would be enough.
// kUnimplemented: a model that calibration does not serve.
// Times a small product on `context`'s threads.
absl::StatusOr<CalibrationPlan> PlanCalibration(const ModelSpec& spec,
                                                const Plan& plan,
                                                const Recipe& recipe,
                                                const CalibrationNeeds& needs,
                                                KernelContext* context);

// kResourceExhausted: the folder of `path` has less room than `bytes`.
absl::Status CheckDiskSpace(const std::string& path, int64_t bytes);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_CALIBRATION_PLAN_H_
