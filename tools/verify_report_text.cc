#include "tools/verify_report_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

constexpr int64_t kWorstTensorsShown = 5;

using Rows = std::vector<std::vector<std::string>>;

std::string FormatEstimate(const Estimate& estimate, int digits,
                           double factor = 1.0) {
  std::string text = FormatNumber(factor * estimate.value, digits);
  if (!estimate.low.has_value()) {
    return absl::StrCat(text, "  (no interval: fewer than ",
                        kMinUnitsForInterval, ")");
  }
  return absl::StrCat(text, "  [", FormatNumber(factor * *estimate.low, digits),
                      ", ", FormatNumber(factor * *estimate.high, digits), "]");
}

std::string FormatList(absl::Span<const double> values) {
  return absl::StrJoin(values, " / ", [](std::string* out, double value) {
    out->append(FormatNumber(value, 3));
  });
}

void AddKl(const Estimate& kl, const Percentiles& percentiles, Rows* rows) {
  rows->push_back(
      {"mean KL(float || compressed), nats", FormatEstimate(kl, 4)});
  rows->push_back(
      {"  percentiles 50 / 90 / 99 / 99.9 / max",
       FormatList({percentiles.p50, percentiles.p90, percentiles.p99,
                   percentiles.p999, percentiles.max})});
}

// "40 lines, 2 of them cut to 128 tokens".
std::string LinesText(const VerifyReport& report, int64_t lines) {
  std::string text = absl::StrCat(lines, lines == 1 ? " line" : " lines");
  if (report.lines_cut > 0) {
    absl::StrAppend(&text, ", ", report.lines_cut, " of them cut to ",
                    report.context, " tokens");
  }
  return text;
}

std::string KvText(const VerifyReport& report) {
  return absl::StrCat(
      report.weights_only ? "weights alone, activations in float; " : "",
      report.kv == KvType::kF32
          ? ""
          : absl::StrCat("kv ", KvTypeName(report.kv), "; "));
}

// Of models of the language.
std::string PredictionText(const VerifyReport& report) {
  const PredictionLoss& text = report.text;
  const bool masked = report.kind == LossKind::kMaskedLanguageModel;
  const std::string units = report.kind == LossKind::kDecoder
                                ? absl::StrFormat("%d windows of %d tokens",
                                                  text.units, report.context)
                                : LinesText(report, text.units);
  std::string written;
  if (report.lines_written > 0) {
    written = absl::StrCat(", ", report.lines_written,
                           " targets written by the float model");
  }
  Rows rows;
  AddKl(text.kl, text.kl_percentiles, &rows);
  rows.push_back(
      {"same most probable token, %", FormatEstimate(text.same_top1, 4, 100)});
  if (!masked) {
    rows.push_back({"perplexity, float", FormatEstimate(text.ppl_float, 6)});
    rows.push_back({"perplexity, compressed", FormatEstimate(text.ppl, 6)});
    rows.push_back({"perplexity ratio", FormatEstimate(text.ppl_ratio, 6)});
  }
  return absl::StrCat(units, written, ", ", text.tokens_scored,
                      " tokens scored", masked ? ", none masked" : "", "; ",
                      KvText(report), "95 % intervals\n",
                      FormatTable(rows, {1}));
}

std::string ClassificationText(const VerifyReport& report) {
  const ClassificationLoss& loss = report.classification;
  const bool tokens = report.kind == LossKind::kTokenLabels;
  Rows rows;
  AddKl(loss.kl, loss.kl_percentiles, &rows);
  rows.push_back({"changed labels, %", FormatEstimate(loss.flips, 4, 100)});
  if (loss.accuracy.has_value()) {
    rows.push_back(
        {"accuracy, float, %", FormatEstimate(*loss.accuracy_float, 4, 100)});
    rows.push_back(
        {"accuracy, compressed, %", FormatEstimate(*loss.accuracy, 4, 100)});
    rows.push_back({"  difference, points",
                    FormatEstimate(*loss.accuracy_difference, 3, 100)});
  }
  return absl::StrCat(
      LinesText(report, loss.lines), ", ",
      tokens ? absl::StrCat(loss.items, " tokens labelled, ") : "",
      loss.num_flips, " of ", loss.items, " labels changed; 95 % intervals\n",
      FormatTable(rows, {1}));
}

std::string EmbeddingText(const VerifyReport& report) {
  const EmbeddingLoss& loss = report.embedding;
  const Percentiles& percentiles = loss.distance_percentiles;
  return absl::StrCat(
      LinesText(report, loss.lines), "; 95 % intervals\n",
      FormatTable(
          {{"mean cosine distance", FormatEstimate(loss.cosine_distance, 4)},
           {"  percentiles 50 / 90 / 99 / max",
            FormatList({percentiles.p50, percentiles.p90, percentiles.p99,
                        percentiles.max})},
           {"mean change of the similarity of two lines",
            FormatEstimate(loss.similarity_change, 4)}},
          {1}));
}

std::string LossText(const VerifyReport& report) {
  switch (report.kind) {
    case LossKind::kSequenceLabels:
    case LossKind::kTokenLabels:
      return ClassificationText(report);
    case LossKind::kEmbedding:
      return EmbeddingText(report);
    case LossKind::kDecoder:
    case LossKind::kSequenceToSequence:
    case LossKind::kMaskedLanguageModel:
      break;
  }
  return PredictionText(report);
}

std::string TasksText(const VerifyReport& report) {
  if (report.tasks.empty()) return "";
  Rows rows = {{"task", "items", "float %", "compressed %", "flips",
                "difference, points"}};
  for (const TaskResult& task : report.tasks) {
    rows.push_back({task.name, absl::StrCat(task.items),
                    absl::StrFormat("%.2f", 100 * task.accuracy_float),
                    absl::StrFormat("%.2f", 100 * task.accuracy),
                    absl::StrCat(task.flips),
                    FormatEstimate(task.accuracy_difference, 3, 100)});
  }
  return absl::StrCat("\n", FormatTable(rows, {5}));
}

std::string WorstTensorsText(const VerifyReport& report) {
  std::vector<TensorError> tensors = report.tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorError& a, const TensorError& b) {
              return a.snr_db < b.snr_db;
            });
  Rows rows = {{"tensors with the largest error", "codec", "bits", "SNR dB"}};
  for (const TensorError& tensor : tensors) {
    if (static_cast<int64_t>(rows.size()) > kWorstTensorsShown) break;
    if (tensor.max_error == 0) continue;
    rows.push_back({tensor.name, tensor.codec,
                    absl::StrFormat("%.3f", tensor.bits),
                    absl::StrFormat("%.2f", tensor.snr_db)});
  }
  if (rows.size() == 1) return "";
  return absl::StrCat("\n", FormatTable(rows, {1}));
}

std::string GatesText(const VerifyReport& report) {
  std::string text;
  for (const Gate& gate : report.gates) {
    absl::StrAppendFormat(
        &text, "\ngate %s: upper end %s, limit %s: %s", gate.name,
        gate.value.has_value() ? FormatNumber(*gate.value, 4) : "unknown",
        FormatNumber(gate.limit, 4), gate.passed ? "passed" : "MISSED");
  }
  if (!text.empty()) text += "\n";
  return text;
}

}  // namespace

std::string VerifyText(const VerifyReport& report) {
  return absl::StrCat(LossText(report), TasksText(report),
                      WorstTensorsText(report), GatesText(report));
}

}  // namespace ounce
