#include "tools/generation.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "text/streaming_decoder.h"
#include "tools/stop_text.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

absl::string_view ReasonText(const Outcome& outcome) {
  if (outcome.stopped_by_text) return "stop text";
  switch (outcome.result.reason) {
    case StopReason::kStopId:
      return "end of text";
    case StopReason::kContext:
      return "context is full";
    case StopReason::kCaller:
      return "interrupted";
    case StopReason::kLength:
      return "length";
  }
  return "length";
}

double Rate(int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

// Tokens that went through the model before the first was generated.
int64_t ReadTokens(const Outcome& outcome) {
  return outcome.prompt_tokens - outcome.reused_tokens;
}

int64_t RestTokens(const Outcome& outcome) {
  return std::max<int64_t>(outcome.result.tokens - 1, 0);
}

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

absl::StatusOr<Outcome> GenerateText(
    const TextOptions& options, const Tokenizer& tokenizer,
    absl::Span<const int32_t> prompt, Executor* executor,
    absl::FunctionRef<bool(absl::string_view)> on_text) {
  Outcome outcome;
  outcome.prompt_tokens = static_cast<int64_t>(prompt.size());
  outcome.reused_tokens = executor->position();
  const auto reused = static_cast<size_t>(outcome.reused_tokens);
  GenerateOptions generate = options.generate;
  generate.history = prompt.subspan(0, reused);
  StopText stop(options.stops);
  const auto emit = [&](const std::string& text) {
    outcome.text += text;
    return text.empty() || on_text(text);
  };
  // The decoder sees the prompt too: how a token reads depends on those before.
  StreamingDecoder decoder(tokenizer, /*skip_special_tokens=*/true);
  for (const int32_t id : prompt) decoder.Push(id);
  const Clock::time_point start = Clock::now();
  std::optional<Clock::time_point> first;
  OUNCE_ASSIGN_OR_RETURN(
      outcome.result,
      Generate(executor, prompt.subspan(reused), generate, [&](int32_t id) {
        if (!first.has_value()) first = Clock::now();
        outcome.ids.push_back(id);
        const bool goes_on = emit(stop.Push(decoder.Push(id)));
        return goes_on && !stop.stopped();
      }));
  const Clock::time_point end = Clock::now();
  emit(stop.Push(decoder.Finish()));
  emit(stop.Finish());
  outcome.stopped_by_text = stop.stopped();
  outcome.first_token_seconds = Seconds(start, first.value_or(end));
  outcome.rest_seconds = Seconds(first.value_or(end), end);
  return outcome;
}

Json OutcomeJson(const Outcome& outcome) {
  std::vector<Json::Member> members = {
      {"text", outcome.text},
      {"ids", Json::Array(outcome.ids.begin(), outcome.ids.end())},
      {"prompt_tokens", outcome.prompt_tokens},
      {"reused_tokens", outcome.reused_tokens},
      {"tokens", outcome.result.tokens},
      {"stop_reason", ReasonText(outcome)},
      {"first_token_ms", 1000 * outcome.first_token_seconds},
      {"prompt_tokens_per_s",
       Rate(ReadTokens(outcome), outcome.first_token_seconds)},
      {"tokens_per_s", Rate(RestTokens(outcome), outcome.rest_seconds)},
      {"peak_rss_bytes", PeakResidentBytes()}};
  if (outcome.score.has_value()) members.push_back({"score", *outcome.score});
  return Json::Of(std::move(members));
}

std::string Summary(const Outcome& outcome) {
  const std::string reused =
      outcome.reused_tokens == 0
          ? ""
          : absl::StrCat(" (", outcome.reused_tokens, " kept from before)");
  return absl::StrFormat(
      "[prompt: %d tokens%s, %.1f/s; generated: %d tokens, %.1f/s; stopped: "
      "%s]",
      outcome.prompt_tokens, reused,
      Rate(ReadTokens(outcome), outcome.first_token_seconds),
      outcome.result.tokens, Rate(RestTokens(outcome), outcome.rest_seconds),
      ReasonText(outcome));
}

}  // namespace ounce
