// Runs a float model over a calibration text, one layer in memory at a time.
#ifndef OUNCE_COMPRESS_FLOAT_PASS_H_
#define OUNCE_COMPRESS_FLOAT_PASS_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calibrate/activation_store.h"
#include "calibrate/input_statistics.h"
#include "calibrate/layer_inputs.h"
#include "compress/block.h"
#include "compress/calibration.h"
#include "compress/plan_parts.h"
#include "formats/model_file.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"

namespace ounce {

// What goes into layer 0, of all windows.  `spill_path` as
// ActivationStore::Create() has it.
absl::StatusOr<std::unique_ptr<ActivationStore>> EmbedWindows(
    const Calibration& calibration, const std::string& spill_path,
    Executor* executor);

// All must outlive the call.
struct FloatPass {
  const ModelFile& model;
  const PlanParts& parts;
  const Calibration& calibration;
  std::string spill_path;
  KernelContext* context;
};

// What goes into layer 0 of the float model.
absl::StatusOr<std::unique_ptr<ActivationStore>> EmbedFloat(
    const FloatPass& pass);

// Sends `stream` through a layer of the float model, on `executor` of the same
// spec.  Holds the layer in f32 meanwhile.
absl::Status AdvanceFloatLayer(const FloatPass& pass, int64_t index,
                               Executor* executor, ActivationStore* stream);

// Calls `advance` for each layer, which is to leave what it gives in the store,
// where its inputs are.  Source pages are given back as soon as they are read.
using AdvanceFunction = absl::FunctionRef<absl::Status(
    const LayerRun& run, Block* block, ActivationStore* stream)>;

// Statistics of the final states if `final_states`, else empty.
absl::StatusOr<InputStatistics> RunFloatModel(const FloatPass& pass,
                                              bool final_states,
                                              AdvanceFunction advance);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_FLOAT_PASS_H_
