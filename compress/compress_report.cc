#include "compress/compress_report.h"

#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// JSON has no infinity: an exact copy's is null.
Json Decibels(double snr_db) {
  return snr_db == std::numeric_limits<double>::infinity() ? Json()
                                                           : Json(snr_db);
}

Json OptionalNumber(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json();
}

std::optional<double> NumberOf(const Json& json, absl::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? std::nullopt : value->AsDouble();
}

}  // namespace

TensorReport ReportOf(const TensorPlan& plan, const TensorStats& stats) {
  TensorReport report;
  report.name = plan.tensor->slot.name;
  if (plan.quantize == nullptr) {
    report.method = "float";
  } else if (plan.quantize->method->calibrated()) {
    report.method = "round_to_nearest";
    report.fallback = "calibration does not see its input";
  } else {
    report.method = std::string(plan.quantize->method->name);
  }
  report.snr_db = stats.snr_db();
  report.pruned =
      static_cast<double>(stats.pruned) / static_cast<double>(stats.weights);
  report.sparsity = stats.sparsity();
  report.tiny_scales = stats.tiny_scales;
  return report;
}

TensorRecord RecordOf(const TensorPlan& plan) {
  TensorRecord record;
  record.name = plan.tensor->slot.name;
  record.shape = plan.tensor->slot.shape;
  record.codec = plan.codec;
  record.group_size = plan.group_size;
  return record;
}

void WarnOfTensors(CompressReport* report) {
  std::map<std::string, std::vector<std::string>> fallbacks;
  for (const TensorReport& tensor : report->tensors) {
    if (tensor.tiny_scales > 0) {
      report->warnings.push_back(absl::StrCat(
          "tensor '", tensor.name, "': ", tensor.tiny_scales,
          " groups are too small for their codec's scales and lose precision "
          "or become 0; keep it in int8 or float if that matters"));
    }
    if (!tensor.fallback.empty()) {
      fallbacks[absl::StrCat(tensor.method, ", because ", tensor.fallback)]
          .push_back(tensor.name);
    }
  }
  for (const auto& [reason, names] : fallbacks) {
    report->warnings.push_back(absl::StrCat(
        "tensor '", names.front(), "'",
        names.size() > 1 ? absl::StrCat(" and ", names.size() - 1, " more")
                         : "",
        " fell back to ", reason));
  }
}

Json TensorReportJson(const TensorReport& report) {
  return Json::Of({{"name", report.name},
                   {"method", report.method},
                   {"fallback", report.fallback},
                   {"snr_db", Decibels(report.snr_db)},
                   {"pruned", report.pruned},
                   {"sparsity", report.sparsity},
                   {"tiny_scales", report.tiny_scales},
                   {"error_before", OptionalNumber(report.error_before)},
                   {"error_after", OptionalNumber(report.error_after)},
                   {"seconds", report.seconds}});
}

absl::StatusOr<TensorReport> ParseTensorReport(const Json& json) {
  TensorReport report;
  OUNCE_ASSIGN_OR_RETURN(report.name, json.GetString("name"));
  OUNCE_ASSIGN_OR_RETURN(report.method, json.GetString("method"));
  OUNCE_ASSIGN_OR_RETURN(report.fallback, json.GetString("fallback"));
  report.snr_db = NumberOf(json, "snr_db")
                      .value_or(std::numeric_limits<double>::infinity());
  OUNCE_ASSIGN_OR_RETURN(report.pruned, json.GetDouble("pruned"));
  OUNCE_ASSIGN_OR_RETURN(report.sparsity, json.GetDouble("sparsity"));
  OUNCE_ASSIGN_OR_RETURN(report.tiny_scales, json.GetInt("tiny_scales"));
  report.error_before = NumberOf(json, "error_before");
  report.error_after = NumberOf(json, "error_after");
  OUNCE_ASSIGN_OR_RETURN(report.seconds, json.GetDouble("seconds"));
  return report;
}

Json ChannelScaleReportJson(const ChannelScaleReport& report) {
  return Json::Of({{"name", report.name},
                   {"method", report.method},
                   {"applied", report.applied},
                   {"alpha", report.alpha},
                   {"error_before", report.error_before},
                   {"error_after", report.error_after}});
}

absl::StatusOr<ChannelScaleReport> ParseChannelScaleReport(const Json& json) {
  ChannelScaleReport report;
  OUNCE_ASSIGN_OR_RETURN(report.name, json.GetString("name"));
  OUNCE_ASSIGN_OR_RETURN(report.method, json.GetString("method"));
  const Json* applied = json.Find("applied");
  report.applied = applied != nullptr && applied->AsBool().value_or(false);
  OUNCE_ASSIGN_OR_RETURN(report.alpha, json.GetDouble("alpha"));
  // A NaN was written as null.
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  OUNCE_ASSIGN_OR_RETURN(report.error_before,
                         json.GetDoubleOr("error_before", kNan));
  OUNCE_ASSIGN_OR_RETURN(report.error_after,
                         json.GetDoubleOr("error_after", kNan));
  return report;
}

}  // namespace ounce
