#include "compress/input_groups.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "calibrate/input_statistics.h"
#include "runtime/weights.h"

namespace ounce {

std::vector<InputStage> InputStagesOf(
    absl::FunctionRef<bool(const BlockTensor&)> keep, Block* block) {
  const LayerWeights layer = block->Arrange();
  std::vector<InputStage> stages(4);
  const auto add = [&](std::initializer_list<const LinearWeights*> matrices,
                       InputStage* stage) {
    InputGroup group;
    for (const LinearWeights* linear : matrices) {
      BlockTensor* tensor = block->FindData(linear->weight.data);
      if (tensor != nullptr && keep(*tensor)) group.push_back(tensor);
    }
    if (!group.empty()) stage->push_back(std::move(group));
  };
  add({&layer.query, &layer.key, &layer.value}, &stages[0]);
  add({&layer.output}, &stages[1]);
  const auto add_ffn = [&](const FeedForwardWeights& ffn) {
    add({&ffn.gate, &ffn.up}, &stages[2]);
    add({&ffn.down}, &stages[3]);
  };
  if (layer.experts == nullptr) {
    add_ffn(layer.ffn);
    return stages;
  }
  for (const FeedForwardWeights& expert : layer.experts->experts) {
    add_ffn(expert);
  }
  add_ffn(layer.experts->shared);
  return stages;
}

bool NeedsMoment(const InputGroup& group) {
  return std::any_of(group.begin(), group.end(), [](const BlockTensor* t) {
    const QuantizeRule* rule = t->plan->quantize;
    return rule != nullptr && rule->method->calibrated();
  });
}

bool NeedsStatistics(const InputGroup& group) {
  return NeedsMoment(group) ||
         std::any_of(group.begin(), group.end(), [](const BlockTensor* t) {
           const QuantizeRule* rule = t->plan->quantize;
           return rule != nullptr && rule->bias_correction;
         });
}

size_t EndOfPart(absl::Span<const InputGroup> groups, size_t begin,
                 int64_t moment_bytes) {
  int64_t bytes = 0;
  size_t end = begin;
  for (; end < groups.size(); ++end) {
    if (NeedsMoment(groups[end])) {
      bytes += SecondMomentBytes(groups[end].front()->values.cols());
    }
    if (end > begin && bytes > moment_bytes) break;
  }
  return end;
}

SharedInput SharedInputOf(const InputGroup& group) {
  SharedInput shared;
  for (const BlockTensor* tensor : group) shared.push_back(tensor->data());
  return shared;
}

}  // namespace ounce
