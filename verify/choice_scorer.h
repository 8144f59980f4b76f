// Scores the choices of one multiple-choice item under one model.
#ifndef OUNCE_VERIFY_CHOICE_SCORER_H_
#define OUNCE_VERIFY_CHOICE_SCORER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "runtime/weights.h"
#include "text/tokenizer.h"
#include "verify/tasks.h"

namespace ounce {

struct TokenizedItem {
  struct Choice {
    std::vector<int32_t> ids;  // Of prompt + choice, special tokens added.
    int64_t scored_from = 0;   // Index of the first id that counts.
  };
  std::vector<Choice> choices;

  int64_t longest() const;
  // Leading ids that all choices share and that none of them scores.
  int64_t shared() const;
};

// Scored are the ids after the longest common prefix with the prompt's own ids;
// the first id of a text is never scored: nothing predicts it.
// kInvalidArgument: longer than `capacity`, or nothing to score.
absl::StatusOr<TokenizedItem> TokenizeItem(const TaskItem& item,
                                           const Tokenizer& tokenizer,
                                           int64_t capacity);

// Not thread-safe.
class ChoiceScorer {
 public:
  // `model` and `context` must outlive it; `capacity` is the longest choice.
  ChoiceScorer(const ModelWeights& model, int64_t capacity,
               KernelContext* context, KvType kv = KvType::kF32)
      : executor_(model, context, capacity, {1, kv}) {}

  // The choice whose scored ids have the highest sum of log-probabilities; ties
  // go to the lowest index.  kDataLoss: logits are not finite.
  absl::StatusOr<int64_t> Winner(const TokenizedItem& item);

 private:
  absl::StatusOr<double> Score(const TokenizedItem::Choice& choice,
                               int64_t shared);

  Executor executor_;
  Matrix hidden_;
  Matrix logits_;
};

}  // namespace ounce

#endif  // OUNCE_VERIFY_CHOICE_SCORER_H_
