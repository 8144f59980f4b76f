#include "verify/report.h"

#include <algorithm>
#include <utility>

namespace ounce {
namespace {

Json OptionalNumber(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json();
}

Json::Object EstimateObject(const Estimate& estimate) {
  Json::Object object;
  object.Set("value", estimate.value);
  object.Set("low", OptionalNumber(estimate.low));
  object.Set("high", OptionalNumber(estimate.high));
  return object;
}

Json KlJson(const TextComparison& text) {
  Json::Object object = EstimateObject(text.kl);
  object.Set("percentiles", Json::Of({{"p50", text.kl_p50},
                                      {"p90", text.kl_p90},
                                      {"p99", text.kl_p99},
                                      {"p999", text.kl_p999},
                                      {"max", text.kl_max}}));
  return object;
}

Json TaskJson(const TaskResult& task) {
  return Json::Of(
      {{"name", task.name},
       {"items", task.items},
       {"accuracy_float", task.accuracy_float},
       {"accuracy", task.accuracy},
       {"flips", task.flips},
       {"accuracy_difference", EstimateObject(task.accuracy_difference)}});
}

Json TensorJson(const TensorError& tensor) {
  return Json::Of({{"name", tensor.name},
                   {"codec", tensor.codec},
                   {"bits", tensor.bits},
                   {"snr_db", tensor.snr_db}});
}

Json GateJson(const Gate& gate) {
  return Json::Of({{"name", gate.name},
                   {"limit", gate.limit},
                   {"value", OptionalNumber(gate.value)},
                   {"passed", gate.passed}});
}

template <typename T>
Json List(const std::vector<T>& rows, Json (*to_json)(const T&)) {
  Json::Array list;
  for (const T& row : rows) list.push_back(to_json(row));
  return list;
}

Json Indices(const std::vector<int64_t>& indices) {
  return Json::Array(indices.begin(), indices.end());
}

Json ChoicesJson(const VerifyReport& report) {
  return Json::Of({{"float", Indices(report.winners_float)},
                   {"compressed", Indices(report.winners)}});
}

Gate MakeGate(std::string name, double limit, std::optional<double> value) {
  return {std::move(name), limit, value, value.has_value() && *value <= limit};
}

}  // namespace

bool VerifyReport::passed() const {
  return std::all_of(gates.begin(), gates.end(),
                     [](const Gate& gate) { return gate.passed; });
}

Gate MaxKlGate(const TextComparison& text, double limit) {
  return MakeGate("max_kl", limit, text.kl.high);
}

Gate MaxPplIncreaseGate(const TextComparison& text, double limit) {
  std::optional<double> increase;
  if (text.ppl_ratio.high.has_value()) increase = *text.ppl_ratio.high - 1.0;
  return MakeGate("max_ppl_increase", limit, increase);
}

Json ReportJson(const VerifyReport& report) {
  const TextComparison& text = report.text;
  const Json id =
      report.artifact_id.empty() ? Json() : Json(report.artifact_id);
  return Json::Of({{"artifact", Json::Of({{"id", id}})},
                   {"checkpoint", report.checkpoint},
                   {"text", Json::Of({{"sha256", report.text_sha256}})},
                   {"context", report.context},
                   {"score_from", report.score_from},
                   {"kv", std::string(KvTypeName(report.kv))},
                   {"windows", text.windows},
                   {"tokens_scored", text.tokens_scored},
                   {"kl", KlJson(text)},
                   {"same_top1", EstimateObject(text.same_top1)},
                   {"ppl_float", EstimateObject(text.ppl_float)},
                   {"ppl", EstimateObject(text.ppl)},
                   {"ppl_ratio", EstimateObject(text.ppl_ratio)},
                   {"tasks", List(report.tasks, TaskJson)},
                   {"choices", ChoicesJson(report)},
                   {"tensors", List(report.tensors, TensorJson)},
                   {"gates", List(report.gates, GateJson)}});
}

}  // namespace ounce
