#include "verify/tasks.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "verify/choice_scorer.h"

namespace ounce {
namespace {

absl::StatusOr<TaskItem> ParseItem(absl::string_view line) {
  OUNCE_ASSIGN_OR_RETURN(const Json json, ParseJson(line));
  TaskItem item;
  OUNCE_ASSIGN_OR_RETURN(item.task, json.GetStringOr("task", "tasks"));
  OUNCE_ASSIGN_OR_RETURN(item.prompt, json.GetString("prompt"));
  const Json* choices = json.Find("choices");
  if (choices == nullptr || choices->AsArray() == nullptr ||
      choices->AsArray()->size() < 2) {
    return absl::InvalidArgumentError(
        "\"choices\": expected a list of at least two texts");
  }
  for (const Json& choice : *choices->AsArray()) {
    if (choice.AsString() == nullptr) {
      return absl::InvalidArgumentError(
          "\"choices\" holds something that is no text");
    }
    item.choices.push_back(*choice.AsString());
  }
  OUNCE_ASSIGN_OR_RETURN(item.answer, json.GetInt("answer"));
  const auto count = static_cast<int64_t>(item.choices.size());
  if (item.answer < 0 || item.answer >= count) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"answer\" is ", item.answer, "; expected 0 to ", count - 1));
  }
  return item;
}

// What the items of one task add up to.
class Tally {
 public:
  void Add(bool float_right, bool right, bool flip) {
    float_right_ += float_right;
    right_ += right;
    flips_ += flip;
    differences_.push_back(static_cast<double>(right) -
                           static_cast<double>(float_right));
  }

  TaskResult Result(std::string name) const {
    TaskResult result;
    result.name = std::move(name);
    result.items = static_cast<int64_t>(differences_.size());
    const auto count = static_cast<double>(result.items);
    result.accuracy_float = static_cast<double>(float_right_) / count;
    result.accuracy = static_cast<double>(right_) / count;
    result.flips = flips_;
    result.accuracy_difference =
        BootstrapMeans(differences_, 1, [](absl::Span<const double> means) {
          return std::vector<double>{means[0]};
        })[0];
    return result;
  }

 private:
  int64_t float_right_ = 0;
  int64_t right_ = 0;
  int64_t flips_ = 0;
  std::vector<double> differences_;
};

std::vector<TaskResult> Summarize(absl::Span<const TaskItem> items,
                                  const TaskComparison& comparison) {
  std::vector<std::string> names;
  absl::flat_hash_map<std::string, Tally> tallies;
  Tally all;
  for (size_t i = 0; i < items.size(); ++i) {
    const bool float_right = comparison.winners_float[i] == items[i].answer;
    const bool right = comparison.winners[i] == items[i].answer;
    const bool flip = comparison.winners_float[i] != comparison.winners[i];
    const auto [tally, inserted] = tallies.try_emplace(items[i].task);
    if (inserted) names.push_back(items[i].task);
    tally->second.Add(float_right, right, flip);
    all.Add(float_right, right, flip);
  }
  std::vector<TaskResult> results;
  for (const std::string& name : names) {
    results.push_back(tallies[name].Result(name));
  }
  if (names.size() > 1) results.push_back(all.Result("all"));
  return results;
}

}  // namespace

absl::StatusOr<std::vector<TaskItem>> ParseTasks(absl::string_view jsonl) {
  std::vector<TaskItem> items;
  int64_t number = 0;
  for (const absl::string_view line : absl::StrSplit(jsonl, '\n')) {
    ++number;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    OUNCE_ASSIGN_OR_RETURN(
        TaskItem item,
        Annotate(ParseItem(line), absl::StrCat("line ", number)));
    items.push_back(std::move(item));
  }
  if (items.empty()) {
    return absl::InvalidArgumentError(
        "no items; expected one JSON object with \"prompt\", \"choices\" and "
        "\"answer\" a line");
  }
  return items;
}

absl::StatusOr<TaskComparison> CompareOnTasks(const ModelWeights& float_model,
                                              const ModelWeights& model,
                                              const Tokenizer& tokenizer,
                                              absl::Span<const TaskItem> items,
                                              const TaskOptions& options,
                                              KernelContext* context) {
  const int64_t capacity =
      std::min(float_model.spec.max_context, model.spec.max_context);
  std::vector<TokenizedItem> tokenized;
  int64_t longest = 1;
  for (size_t i = 0; i < items.size(); ++i) {
    OUNCE_ASSIGN_OR_RETURN(TokenizedItem item,
                           Annotate(TokenizeItem(items[i], tokenizer, capacity),
                                    absl::StrCat("item ", i + 1)));
    longest = std::max(longest, item.longest());
    tokenized.push_back(std::move(item));
  }
  ChoiceScorer float_scorer(float_model, longest, context);
  ChoiceScorer scorer(model, longest, context, options.kv);
  TaskComparison comparison;
  for (size_t i = 0; i < tokenized.size(); ++i) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t float_winner,
                           float_scorer.Winner(tokenized[i]));
    OUNCE_ASSIGN_OR_RETURN(const int64_t winner, scorer.Winner(tokenized[i]));
    comparison.winners_float.push_back(float_winner);
    comparison.winners.push_back(winner);
    ReportProgress(options.progress, static_cast<int64_t>(i) + 1,
                   static_cast<int64_t>(items.size()));
  }
  comparison.results = Summarize(items, comparison);
  return comparison;
}

}  // namespace ounce
