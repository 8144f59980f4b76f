// The generation loop: prompt in, one token at a time out.
#ifndef OUNCE_RUNTIME_GENERATE_H_
#define OUNCE_RUNTIME_GENERATE_H_

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/executor.h"
#include "runtime/generation_rules.h"
#include "runtime/sampler.h"

namespace ounce {

enum class StopReason {
  kLength,   // `max_tokens` were generated.
  kStopId,   // The model gave one of its stop ids.
  kContext,  // The executor's capacity is used up.
  kCaller,   // The callback returned false.
};

struct GenerateOptions {
  SamplerOptions sampler;
  int64_t max_tokens = 128;
  bool ignore_stop_ids = false;
  // Stop ids beside those of the model's spec.
  std::vector<int32_t> stop_ids;
  // What the executor already holds, for the repetition penalty and the rules.
  absl::Span<const int32_t> history;
  // What may follow; null: anything.  Must live as long as these options.
  const GenerationRules* rules = nullptr;
};

struct GenerateResult {
  int64_t tokens = 0;  // Generated, a stop id not counted.
  StopReason reason = StopReason::kLength;
};

// Continues the sequence of `executor` by `prompt` (at least one id) and then
// by sampled tokens, each handed to `on_token` as it comes; returning false
// ends the generation.  Stop ids are not handed out. Errors as
// Executor::Forward() and Sampler::Sample().
absl::StatusOr<GenerateResult> Generate(
    Executor* executor, absl::Span<const int32_t> prompt,
    const GenerateOptions& options,
    absl::FunctionRef<bool(int32_t id)> on_token);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_GENERATE_H_
