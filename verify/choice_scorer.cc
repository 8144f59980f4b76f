#include "verify/choice_scorer.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "verify/divergence.h"

namespace ounce {
namespace {

int64_t CommonPrefix(const std::vector<int32_t>& a,
                     const std::vector<int32_t>& b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < limit && a[i] == b[i]) ++i;
  return static_cast<int64_t>(i);
}

}  // namespace

int64_t TokenizedItem::longest() const {
  int64_t longest = 0;
  for (const Choice& choice : choices) {
    longest = std::max(longest, static_cast<int64_t>(choice.ids.size()));
  }
  return longest;
}

int64_t TokenizedItem::shared() const {
  int64_t shared = choices[0].scored_from - 1;
  for (const Choice& choice : choices) {
    shared = std::min({shared, choice.scored_from - 1,
                       CommonPrefix(choice.ids, choices[0].ids)});
  }
  return shared;
}

absl::StatusOr<TokenizedItem> TokenizeItem(const TaskItem& item,
                                           const Tokenizer& tokenizer,
                                           int64_t capacity) {
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<int32_t> prompt,
      tokenizer.Encode(item.prompt, /*add_special_tokens=*/true));
  TokenizedItem result;
  for (const std::string& text : item.choices) {
    TokenizedItem::Choice choice;
    OUNCE_ASSIGN_OR_RETURN(choice.ids,
                           tokenizer.Encode(absl::StrCat(item.prompt, text),
                                            /*add_special_tokens=*/true));
    const auto size = static_cast<int64_t>(choice.ids.size());
    choice.scored_from = std::max<int64_t>(1, CommonPrefix(prompt, choice.ids));
    if (choice.scored_from >= size) {
      return absl::InvalidArgumentError(
          absl::StrCat("choice \"", text, "\" adds no token to its prompt"));
    }
    if (size > capacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("prompt and choice have ", size,
                       " tokens; the model's context is ", capacity));
    }
    result.choices.push_back(std::move(choice));
  }
  return result;
}

absl::StatusOr<int64_t> ChoiceScorer::Winner(const TokenizedItem& item) {
  const int64_t shared = item.shared();
  executor_.Reset();
  if (shared > 0) {
    const auto prefix = absl::MakeConstSpan(item.choices[0].ids)
                            .subspan(0, static_cast<size_t>(shared));
    OUNCE_RETURN_IF_ERROR(executor_.Forward(prefix, &hidden_));
  }
  int64_t winner = 0;
  double best = 0.0;
  for (size_t i = 0; i < item.choices.size(); ++i) {
    executor_.Rewind(shared);
    OUNCE_ASSIGN_OR_RETURN(const double score, Score(item.choices[i], shared));
    if (i == 0 || score > best) {
      best = score;
      winner = static_cast<int64_t>(i);
    }
  }
  return winner;
}

absl::StatusOr<double> ChoiceScorer::Score(const TokenizedItem::Choice& choice,
                                           int64_t shared) {
  // The last id predicts nothing that is scored, but is cheap to run along.
  const auto rest =
      absl::MakeConstSpan(choice.ids).subspan(static_cast<size_t>(shared));
  OUNCE_RETURN_IF_ERROR(executor_.Forward(rest, &hidden_));
  const auto size = static_cast<int64_t>(choice.ids.size());
  const int64_t begin = choice.scored_from - 1 - shared;
  const int64_t end = size - 1 - shared;
  logits_.Resize(end - begin, executor_.spec().vocab);
  executor_.Logits(hidden_.view().Rows(begin, end), logits_.view());
  double score = 0.0;
  for (int64_t i = choice.scored_from; i < size; ++i) {
    const auto row = absl::MakeConstSpan(logits_.row(i - choice.scored_from),
                                         static_cast<size_t>(logits_.cols()));
    score += LogProbability(row, choice.ids[static_cast<size_t>(i)]);
  }
  if (!std::isfinite(score)) {
    return LogitsNotFinite();
  }
  return score;
}

}  // namespace ounce
