// Compresses a language model's head, calibrated on the states it reads.
#ifndef OUNCE_COMPRESS_HEAD_PASS_H_
#define OUNCE_COMPRESS_HEAD_PASS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calibrate/activation_store.h"
#include "calibrate/input_statistics.h"
#include "compress/compress_report.h"
#include "compress/plan.h"
#include "formats/artifact/artifact_writer.h"
#include "kernels/kernel_context.h"
#include "model/spec.h"
#include "runtime/executor.h"

namespace ounce {

// Whether `row` is the matrix of a head that reads the final states as they
// are, the embedding if that is tied, and is to be quantised with calibration.
bool IsCalibratedHead(const ModelSpec& spec, const TensorPlan& row);

// Statistics of the final states, from what the last layer gave; `stream` is
// left as it is.
absl::StatusOr<InputStatistics> CollectFinalStates(
    const ActivationStore& stream, Executor* executor, KernelContext* context);

// Compresses the head a panel of rows at a time, writes it and adds its line to
// `report`; rounds to nearest by name where calibration fails, or where
// `statistics` is kFailedPrecondition.  Its other errors are passed on.
// kInvalidArgument: a weight that is NaN or infinite, or a scale that its codec
// cannot hold.
absl::Status CompressHead(const TensorPlan& row,
                          const absl::StatusOr<InputStatistics>& statistics,
                          KernelContext* context, ArtifactWriter* writer,
                          CompressReport* report);

// What CompressHead() takes, its caller's statistics included.
int64_t HeadMemoryBytes(const TensorPlan& row);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_HEAD_PASS_H_
