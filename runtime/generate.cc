#include "runtime/generate.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

bool IsStopId(const ModelSpec& spec, const GenerateOptions& options,
              int32_t id) {
  const auto lists = [id](const std::vector<int32_t>& ids) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  return !options.ignore_stop_ids &&
         (lists(spec.stop_ids) || lists(options.stop_ids));
}

}  // namespace

absl::StatusOr<GenerateResult> Generate(
    Executor* executor, absl::Span<const int32_t> prompt,
    const GenerateOptions& options,
    absl::FunctionRef<bool(int32_t id)> on_token) {
  if (prompt.empty()) {
    return absl::InvalidArgumentError(
        "the prompt has no tokens; give at least one");
  }
  Sampler sampler(options.sampler);
  std::vector<int32_t> seen(options.history.begin(), options.history.end());
  seen.insert(seen.end(), prompt.begin(), prompt.end());
  Matrix hidden;
  Matrix logits(1, executor->spec().vocab);
  absl::Span<const int32_t> input = prompt;
  GenerateResult result;
  while (result.tokens < options.max_tokens) {
    if (executor->position() == executor->capacity()) {
      result.reason = StopReason::kContext;
      return result;
    }
    OUNCE_RETURN_IF_ERROR(executor->Forward({{0, input, nullptr}},
                                            HiddenRows::kLastOfEach, &hidden));
    executor->Logits(hidden.view(), logits.view());
    if (options.rules != nullptr) {
      ApplyRules(*options.rules, seen, logits.values());
    }
    OUNCE_ASSIGN_OR_RETURN(const int32_t id,
                           sampler.Sample(logits.values(), seen));
    if (IsStopId(executor->spec(), options, id)) {
      result.reason = StopReason::kStopId;
      return result;
    }
    ++result.tokens;
    seen.push_back(id);
    if (!on_token(id)) {
      result.reason = StopReason::kCaller;
      return result;
    }
    input = absl::MakeConstSpan(&seen.back(), 1);
  }
  return result;
}

}  // namespace ounce
