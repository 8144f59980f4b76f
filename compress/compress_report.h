// What compressing reached, tensor by tensor.
#ifndef OUNCE_COMPRESS_COMPRESS_REPORT_H_
#define OUNCE_COMPRESS_COMPRESS_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compress/plan.h"
#include "compress/tensor_pass.h"
#include "core/hash.h"
#include "core/json.h"
#include "formats/artifact/artifact.h"

namespace ounce {

struct TensorReport {
  std::string name;
  // That made it: the plan's, or what it fell back to.
  std::string method;
  std::string fallback;  // Why it is not the plan's; empty if it is.
  // 10 log10(sum w^2 / sum (w - w')^2), w after channel scales.
  double snr_db = 0.0;
  // Shares of weights that are 0 after pruning, and as stored: rounding to
  // codes adds some.
  double pruned = 0.0;
  double sparsity = 0.0;
  int64_t tiny_scales = 0;
  // Of calibrated methods (CalibratedResult): the share of the output's square
  // that rounding to nearest would lose, and that the method did.
  std::optional<double> error_before;
  std::optional<double> error_after;
  double seconds = 0.0;  // Of calibrated methods.
};

// Channel scales of one place in a layer.
struct ChannelScaleReport {
  std::string name;    // ScaleFold::name
  std::string method;  // ChannelScaleName()
  double alpha = 0.0;  // What was chosen; 0 and `applied` false: none.
  bool applied = false;
  // Mean square of what the block's output moves, rounded to nearest, without
  // and with these scales.
  double error_before = 0.0;
  double error_after = 0.0;
};

struct CompressReport {
  Hash128 artifact_id;
  int64_t file_bytes = 0;
  // Of the time that Compress() took: waiting for the disk, at its end.
  double sync_seconds = 0.0;
  std::vector<TensorReport> tensors;  // In the order of the plan.
  std::vector<ChannelScaleReport> channel_scales;
  // Layers taken over from an interrupted run.
  int64_t resumed_layers = 0;
  // What the user should know: tensors with scales too small for f16 ...
  std::vector<std::string> warnings;
};

// The line on a tensor that was compressed without calibration.
TensorReport ReportOf(const TensorPlan& plan, const TensorStats& stats);
// What the artifact's writer is told of it.
TensorRecord RecordOf(const TensorPlan& plan);

// Adds the warnings that follow from the tensors' lines: scales too small for
// their codec, fallbacks.
void WarnOfTensors(CompressReport* report);

Json TensorReportJson(const TensorReport& report);
// kInvalidArgument: `json` is not what TensorReportJson() gave.
absl::StatusOr<TensorReport> ParseTensorReport(const Json& json);
Json ChannelScaleReportJson(const ChannelScaleReport& report);
absl::StatusOr<ChannelScaleReport> ParseChannelScaleReport(const Json& json);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_COMPRESS_REPORT_H_
