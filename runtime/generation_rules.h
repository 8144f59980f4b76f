// What may follow the text that a decoder has given so far: ids that are never
// given, lengths, forced ids, no sequence twice.  Greedy decoding, sampling and
// beam search keep to the same rules.
// Source: the logits processors of huggingface/transformers 5.12, in the order
// in which generate() applies them; no_repeat_ngram: Paulus et al.,
// arXiv:1705.04304, section 2.5.
#ifndef OUNCE_RUNTIME_GENERATION_RULES_H_
#define OUNCE_RUNTIME_GENERATION_RULES_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "model/spec.h"

namespace ounce {

// Ids of -1 are none.  Tokens are counted without the id that a decoder begins
// with; a stop id counts.
struct GenerationRules {
  int32_t start_id = -1;  // What the decoder begins with.
  int64_t max_tokens = 128;
  int64_t min_tokens = 0;  // Before a stop id may come.
  int32_t forced_first_id = -1;
  int32_t forced_last_id = -1;  // The one that makes it max_tokens.
  int64_t no_repeat_ngram = 0;  // No sequence of so many ids comes twice.
  std::vector<int32_t> suppressed_ids;
  std::vector<int32_t> stop_ids;
};

// The logit or log-probability of an id that may not follow: finite, so that
// what comes after may calculate with it.
inline constexpr float kBlocked = std::numeric_limits<float>::lowest();

// The rules of an encoder-decoder's spec, whose lengths count the id that the
// decoder begins with.  Where it says no length, `fallback_tokens`.
GenerationRules RulesOf(const ModelSpec& spec, int64_t fallback_tokens);

// Changes `scores` ([vocab]: logits or log-probabilities) of what follows
// `ids`, the id that the decoder begins with and all that it has given: what
// may not follow gets kBlocked; beside a forced id, which gets 0, everything
// does.  Ids outside the vocabulary have no effect.
void ApplyRules(const GenerationRules& rules, absl::Span<const int32_t> ids,
                absl::Span<float> scores);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_GENERATION_RULES_H_
