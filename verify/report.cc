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

// With `deepest` also the 99.9th.
Json PercentilesJson(const Percentiles& percentiles, bool deepest) {
  Json::Object object;
  object.Set("p50", percentiles.p50);
  object.Set("p90", percentiles.p90);
  object.Set("p99", percentiles.p99);
  if (deepest) object.Set("p999", percentiles.p999);
  object.Set("max", percentiles.max);
  return object;
}

Json KlJson(const Estimate& kl, const Percentiles& percentiles) {
  Json::Object object = EstimateObject(kl);
  object.Set("percentiles", PercentilesJson(percentiles, true));
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

// Of models of the language.
void AddPredictions(const VerifyReport& report, Json::Object* json) {
  const PredictionLoss& text = report.text;
  const bool windows = report.kind == LossKind::kDecoder;
  json->Set(windows ? "windows" : "lines", text.units);
  if (!windows) json->Set("lines_cut", report.lines_cut);
  if (report.kind == LossKind::kSequenceToSequence) {
    json->Set("lines_written", report.lines_written);
  }
  json->Set("tokens_scored", text.tokens_scored);
  json->Set("kl", KlJson(text.kl, text.kl_percentiles));
  json->Set("same_top1", EstimateObject(text.same_top1));
  if (report.kind == LossKind::kMaskedLanguageModel) return;
  json->Set("ppl_float", EstimateObject(text.ppl_float));
  json->Set("ppl", EstimateObject(text.ppl));
  json->Set("ppl_ratio", EstimateObject(text.ppl_ratio));
}

void AddClassification(const VerifyReport& report, Json::Object* json) {
  const ClassificationLoss& loss = report.classification;
  json->Set("lines", loss.lines);
  json->Set("lines_cut", report.lines_cut);
  json->Set("items", loss.items);
  json->Set("kl", KlJson(loss.kl, loss.kl_percentiles));
  Json::Object flips = EstimateObject(loss.flips);
  flips.Set("count", loss.num_flips);
  json->Set("flips", std::move(flips));
  if (!loss.accuracy.has_value()) return;
  json->Set("accuracy_float", EstimateObject(*loss.accuracy_float));
  json->Set("accuracy", EstimateObject(*loss.accuracy));
  json->Set("accuracy_difference", EstimateObject(*loss.accuracy_difference));
}

void AddEmbedding(const VerifyReport& report, Json::Object* json) {
  const EmbeddingLoss& loss = report.embedding;
  json->Set("lines", loss.lines);
  json->Set("lines_cut", report.lines_cut);
  Json::Object distance = EstimateObject(loss.cosine_distance);
  distance.Set("percentiles",
               PercentilesJson(loss.distance_percentiles, false));
  json->Set("cosine_distance", std::move(distance));
  json->Set("similarity_change", EstimateObject(loss.similarity_change));
}

void AddLoss(const VerifyReport& report, Json::Object* json) {
  switch (report.kind) {
    case LossKind::kDecoder:
    case LossKind::kSequenceToSequence:
    case LossKind::kMaskedLanguageModel:
      return AddPredictions(report, json);
    case LossKind::kSequenceLabels:
    case LossKind::kTokenLabels:
      return AddClassification(report, json);
    case LossKind::kEmbedding:
      return AddEmbedding(report, json);
  }
}

}  // namespace

const Estimate* VerifyReport::kl() const {
  if (kind == LossKind::kEmbedding) return nullptr;
  const bool labels =
      kind == LossKind::kSequenceLabels || kind == LossKind::kTokenLabels;
  return labels ? &classification.kl : &text.kl;
}

bool VerifyReport::passed() const {
  return std::all_of(gates.begin(), gates.end(),
                     [](const Gate& gate) { return gate.passed; });
}

Gate MaxKlGate(const Estimate& kl, double limit) {
  return MakeGate("max_kl", limit, kl.high);
}

Gate MaxPplIncreaseGate(const Estimate& ppl_ratio, double limit) {
  std::optional<double> increase;
  if (ppl_ratio.high.has_value()) increase = *ppl_ratio.high - 1.0;
  return MakeGate("max_ppl_increase", limit, increase);
}

Gate MaxFlipsGate(const Estimate& flips, double limit) {
  return MakeGate("max_flips", limit, flips.high);
}

Gate MaxCosineDistanceGate(const Estimate& distance, double limit) {
  return MakeGate("max_cosine_distance", limit, distance.high);
}

Json ReportJson(const VerifyReport& report) {
  const bool decoder = report.kind == LossKind::kDecoder;
  const bool generates =
      decoder || report.kind == LossKind::kSequenceToSequence;
  Json::Object json;
  json.Set("artifact", Json::Of({{"id", report.artifact_id.empty()
                                            ? Json()
                                            : Json(report.artifact_id)}}));
  json.Set("kind", LossKindName(report.kind));
  json.Set("checkpoint", report.checkpoint);
  json.Set("text", Json::Of({{"sha256", report.text_sha256}}));
  json.Set("context", report.context);
  if (decoder) json.Set("score_from", report.score_from);
  json.Set("weights_only", report.weights_only);
  if (generates) json.Set("kv", std::string(KvTypeName(report.kv)));
  AddLoss(report, &json);
  if (decoder) {
    json.Set("tasks", List(report.tasks, TaskJson));
    json.Set("choices", ChoicesJson(report));
  }
  json.Set("tensors", List(report.tensors, TensorJson));
  json.Set("gates", List(report.gates, GateJson));
  return json;
}

}  // namespace ounce
