// Multiple-choice tasks: does the compressed model choose as the float one
// does? The choice with the highest log-probability after the prompt wins, as
// in EleutherAI's lm-evaluation-harness.
#ifndef OUNCE_VERIFY_TASKS_H_
#define OUNCE_VERIFY_TASKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/progress.h"
#include "kernels/kernel_context.h"
#include "kernels/kv_layer.h"
#include "runtime/weights.h"
#include "text/tokenizer.h"
#include "verify/bootstrap.h"

namespace ounce {

struct TaskItem {
  std::string task;  // Items of one name are reported together.
  std::string prompt;
  std::vector<std::string> choices;  // At least 2.
  int64_t answer = 0;                // Index of the right choice.
};

// One JSON object a line: {"task", "prompt", "choices": [...], "answer"};
// "task" may be absent, empty lines are skipped.
// kInvalidArgument naming the line, what was expected and what was found.
absl::StatusOr<std::vector<TaskItem>> ParseTasks(absl::string_view jsonl);

struct TaskResult {
  std::string name;  // A task's, or "all".
  int64_t items = 0;
  double accuracy_float = 0.0;
  double accuracy = 0.0;
  int64_t flips = 0;  // Items whose winning choice differs between the models.
  Estimate accuracy_difference;  // Compressed minus float.
};

struct TaskComparison {
  // The winning choice of every item, by either model.
  std::vector<int64_t> winners_float;
  std::vector<int64_t> winners;
  // By task in order of first appearance, then "all" if there is more than one.
  std::vector<TaskResult> results;
};

struct TaskOptions {
  // Of the compressed model's keys and values; the float model's are f32.
  KvType kv = KvType::kF32;
  ProgressCallback progress;  // Counts items.
};

// kInvalidArgument: an item is longer than the models' context, or a choice
// adds no token to its prompt.
absl::StatusOr<TaskComparison> CompareOnTasks(const ModelWeights& float_model,
                                              const ModelWeights& model,
                                              const Tokenizer& tokenizer,
                                              absl::Span<const TaskItem> items,
                                              const TaskOptions& options,
                                              KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_VERIFY_TASKS_H_
