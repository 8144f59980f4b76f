#include "tools/classify.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "tools/probabilities.h"
#include "tools/terminal.h"
#include "tools/text_batches.h"

namespace ounce {
namespace {

struct Labels {
  std::vector<std::string> names;
  std::vector<float> logits;
  std::vector<double> probabilities;
  std::vector<size_t> ranked;  // Those to show.
};

void PrintTable(const Labels& labels) {
  std::vector<std::vector<std::string>> rows = {{"label", "probability"}};
  for (const size_t i : labels.ranked) {
    rows.push_back({Printable(labels.names[i]),
                    FormatProbability(labels.probabilities[i])});
  }
  std::cout << FormatTable(rows);
}

// "POSITIVE 0.9987", further labels behind tabs.
void PrintLine(const Labels& labels) {
  std::string line;
  for (const size_t i : labels.ranked) {
    absl::StrAppend(&line, line.empty() ? "" : "\t", Printable(labels.names[i]),
                    "\t", FormatProbability(labels.probabilities[i]));
  }
  std::cout << line << "\n";
}

void PrintJson(const Labels& labels, const EncodedText& text) {
  Json::Array array;
  for (const size_t i : labels.ranked) {
    array.push_back(Json::Of({{"label", labels.names[i]},
                              {"probability", labels.probabilities[i]},
                              {"logit", double{labels.logits[i]}}}));
  }
  std::cout << Json::Of({{"labels", std::move(array)},
                         {"tokens", static_cast<int64_t>(text.encoding.size())},
                         {"dropped_tokens", text.dropped_tokens}})
                   .Dump()
            << "\n";
}

size_t LabelsToShow(const RunArguments& arguments,
                    const CommonOptions& common) {
  if (arguments.top > 0) return static_cast<size_t>(arguments.top);
  return arguments.has_lines() && !common.json ? 1 : SIZE_MAX;
}

}  // namespace

absl::Status Classify(const RunModel& run, const RunArguments& arguments,
                      const CommonOptions& common) {
  const ModelSpec& spec = run.spec();
  const size_t shown = LabelsToShow(arguments, common);
  return ForEachText(
      run, arguments, common, [&](const TextResult& result) -> absl::Status {
        const Matrix logits =
            result.executor.heads().LabelLogits(result.states);
        Labels labels = {spec.labels,
                         {logits.values().begin(), logits.values().end()},
                         {},
                         {}};
        OUNCE_ASSIGN_OR_RETURN(
            labels.probabilities,
            LabelProbabilities(labels.logits, spec.multi_label));
        labels.ranked = Largest(labels.probabilities, shown);
        if (common.json) {
          PrintJson(labels, result.text);
        } else if (arguments.has_lines()) {
          PrintLine(labels);
        } else {
          PrintTable(labels);
        }
        return absl::OkStatus();
      });
}

}  // namespace ounce
