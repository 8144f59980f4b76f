#include "runtime/generation_rules.h"

#include <algorithm>

namespace ounce {
namespace {

bool IsId(int32_t id, absl::Span<const float> scores) {
  return id >= 0 && static_cast<size_t>(id) < scores.size();
}

void Block(absl::Span<const int32_t> ids, absl::Span<float> scores) {
  for (const int32_t id : ids) {
    if (IsId(id, scores)) scores[static_cast<size_t>(id)] = kBlocked;
  }
}

// Blocks what followed an earlier occurrence of the last n - 1 ids.
void BlockRepeats(int64_t ngram, absl::Span<const int32_t> ids,
                  absl::Span<float> scores) {
  const auto known = static_cast<size_t>(ngram) - 1;
  if (ids.size() < known + 1) return;
  const absl::Span<const int32_t> last = ids.subspan(ids.size() - known);
  for (size_t begin = 0; begin + known < ids.size(); ++begin) {
    if (ids.subspan(begin, known) == last) {
      Block(ids.subspan(begin + known, 1), scores);
    }
  }
}

void Force(int32_t id, absl::Span<float> scores) {
  if (!IsId(id, scores)) return;
  std::fill(scores.begin(), scores.end(), kBlocked);
  scores[static_cast<size_t>(id)] = 0.0f;
}

}  // namespace

GenerationRules RulesOf(const ModelSpec& spec, int64_t fallback_tokens) {
  const GenerationSpec& generation = spec.generation;
  GenerationRules rules;
  rules.start_id = generation.start_id;
  rules.max_tokens = generation.max_tokens > 0
                         ? std::max<int64_t>(generation.max_tokens - 1, 1)
                         : fallback_tokens;
  rules.min_tokens = std::max<int64_t>(generation.min_tokens - 1, 0);
  rules.forced_first_id = generation.forced_first_id;
  rules.forced_last_id = generation.forced_last_id;
  rules.no_repeat_ngram = generation.no_repeat_ngram;
  rules.suppressed_ids = generation.suppressed_ids;
  rules.stop_ids = spec.stop_ids;
  return rules;
}

void ApplyRules(const GenerationRules& rules, absl::Span<const int32_t> ids,
                absl::Span<float> scores) {
  const int64_t generated = static_cast<int64_t>(ids.size()) - 1;
  if (rules.no_repeat_ngram > 0) {
    BlockRepeats(rules.no_repeat_ngram, ids, scores);
  }
  Block(rules.suppressed_ids, scores);
  if (generated < rules.min_tokens) Block(rules.stop_ids, scores);
  if (generated == 0) Force(rules.forced_first_id, scores);
  if (generated + 1 == rules.max_tokens) Force(rules.forced_last_id, scores);
}

}  // namespace ounce
