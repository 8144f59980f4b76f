// `ounce run`: a model continues a prompt.
#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "runtime/executor.h"
#include "runtime/generate.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/loaded_model.h"
#include "tools/stop_text.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

struct RunCommand {
  std::string model;
  std::string prompt;
  int64_t context = 0;  // 0: the model's limit.
  bool check = false;
  std::vector<std::string> stops;
  GenerateOptions generate;
};

// What a generation came to.
struct Outcome {
  std::vector<int32_t> ids;
  std::string text;
  bool stopped_by_text = false;
  GenerateResult result;
  double first_token_seconds = 0.0;
  double rest_seconds = 0.0;  // Of all tokens after the first.
};

absl::string_view ReasonText(const Outcome& outcome) {
  if (outcome.stopped_by_text) return "stop text";
  switch (outcome.result.reason) {
    case StopReason::kStopId:
      return "end of text";
    case StopReason::kContext:
      return "context is full";
    default:
      return "length";
  }
}

double Rate(int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

std::string ReadPrompt(const RunCommand& command) {
  if (command.prompt != "-") return command.prompt;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// Generates and, when `stream` is set, prints the text as it becomes certain.
absl::StatusOr<Outcome> Generate(const RunCommand& command,
                                 const Tokenizer& tokenizer,
                                 absl::Span<const int32_t> prompt, bool stream,
                                 Executor* executor) {
  Outcome outcome;
  StopText stop(command.stops);
  const auto emit = [&](const std::string& text) {
    outcome.text += text;
    if (stream) std::cout << text << std::flush;
  };
  // The decoder sees the prompt too: how a token reads depends on those before.
  StreamingDecoder decoder(tokenizer, /*skip_special_tokens=*/true);
  for (const int32_t id : prompt) decoder.Push(id);
  const Clock::time_point start = Clock::now();
  Clock::time_point first = start;
  OUNCE_ASSIGN_OR_RETURN(
      outcome.result,
      ounce::Generate(executor, prompt, command.generate, [&](int32_t id) {
        if (outcome.ids.empty()) first = Clock::now();
        outcome.ids.push_back(id);
        emit(stop.Push(decoder.Push(id)));
        return !stop.stopped();
      }));
  const Clock::time_point end = Clock::now();
  emit(stop.Push(decoder.Finish()));
  emit(stop.Finish());
  outcome.stopped_by_text = stop.stopped();
  if (outcome.ids.empty()) first = end;
  outcome.first_token_seconds =
      std::chrono::duration<double>(first - start).count();
  outcome.rest_seconds = std::chrono::duration<double>(end - first).count();
  return outcome;
}

Json OutcomeJson(const Outcome& outcome, int64_t prompt_tokens) {
  const auto rest = std::max<int64_t>(outcome.result.tokens - 1, 0);
  return Json::Of({{"text", outcome.text},
                   {"ids", Json::Array(outcome.ids.begin(), outcome.ids.end())},
                   {"prompt_tokens", prompt_tokens},
                   {"tokens", outcome.result.tokens},
                   {"stop_reason", ReasonText(outcome)},
                   {"first_token_ms", 1000 * outcome.first_token_seconds},
                   {"prompt_tokens_per_s",
                    Rate(prompt_tokens, outcome.first_token_seconds)},
                   {"tokens_per_s", Rate(rest, outcome.rest_seconds)},
                   {"peak_rss_bytes", PeakResidentBytes()}});
}

std::string Summary(const Outcome& outcome, int64_t prompt_tokens) {
  const auto rest = std::max<int64_t>(outcome.result.tokens - 1, 0);
  return absl::StrFormat(
      "[prompt: %d tokens, %.1f/s; generated: %d tokens, %.1f/s; stopped: %s]",
      prompt_tokens, Rate(prompt_tokens, outcome.first_token_seconds),
      outcome.result.tokens, Rate(rest, outcome.rest_seconds),
      ReasonText(outcome));
}

// The longest sequence the run may reach.
absl::StatusOr<int64_t> Capacity(const RunCommand& command,
                                 const ModelSpec& spec, int64_t prompt_tokens) {
  if (command.context > spec.max_context) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--context ", command.context, "; the model's limit is ",
                     spec.max_context)));
  }
  const int64_t limit =
      command.context > 0 ? command.context : spec.max_context;
  if (prompt_tokens > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", prompt_tokens, " tokens; the context holds ", limit,
        ": shorten it or raise --context"));
  }
  return std::min(limit, prompt_tokens + command.generate.max_tokens);
}

absl::StatusOr<ExitCode> Run(const RunCommand& command,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(
      UsageError(CheckSamplerOptions(command.generate.sampler)));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(command.model, false, common, engine.pool.get()));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         CreateTokenizer(model.file));
  if (command.check && model.file.artifact != nullptr) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(model.file.artifact->CheckHashes(nullptr), command.model));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<int32_t> prompt,
      tokenizer->Encode(ReadPrompt(command), /*add_special_tokens=*/true));
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  OUNCE_ASSIGN_OR_RETURN(const int64_t capacity,
                         Capacity(command, model.file.spec, prompt_tokens));
  Executor executor(model.weights, engine.context.get(), capacity);
  OUNCE_ASSIGN_OR_RETURN(
      const Outcome outcome,
      Generate(command, *tokenizer, prompt, !common.json, &executor));
  if (common.json) {
    std::cout << OutcomeJson(outcome, prompt_tokens).Dump(1) << "\n";
    return kExitDone;
  }
  std::cout << "\n";
  Remark(common, Summary(outcome, prompt_tokens));
  if (outcome.result.reason == StopReason::kContext) {
    Remark(common, absl::StrCat("stopped at the context limit of ", capacity,
                                " tokens, before -n was reached"));
  }
  return kExitDone;
}

void AddOptions(CLI::App* sub, RunCommand* command) {
  GenerateOptions& generate = command->generate;
  SamplerOptions& sampler = generate.sampler;
  sub->add_option("MODEL", command->model, "Hugging Face folder or .oz file")
      ->required();
  sub->add_option("-p,--prompt", command->prompt,
                  "Text to continue; - reads it from stdin")
      ->required();
  sub->add_option("-n,--tokens", generate.max_tokens,
                  "Tokens to generate at most; default 128")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30));
  sub->add_option(
         "--context", command->context,
         "Tokens of prompt and text together; default the model's limit")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32));
  sub->add_option("--stop", command->stops,
                  "Stop before this text; may be given several times");
  sub->add_flag("--ignore-eos", generate.ignore_stop_ids,
                "Go on after the model's end of text");
  sub->add_option("--temperature", sampler.temperature,
                  "0 (default): always the most probable token");
  sub->add_option("--top-k", sampler.top_k, "Keep the k most probable; 0: all");
  sub->add_option("--top-p", sampler.top_p,
                  "Keep the fewest tokens with this total probability; 1: all");
  sub->add_option("--min-p", sampler.min_p,
                  "Keep tokens above this share of the most probable one's");
  sub->add_option("--repetition-penalty", sampler.repetition_penalty,
                  "Above 1: tokens already seen become less probable");
  sub->add_option("--seed", sampler.seed, "Of the random choice; default 0");
  sub->add_flag("--check", command->check,
                "Compare every weight's hash before running");
}

}  // namespace

void AddRunCommand(CLI::App* app, Action* action) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app->add_subcommand("run", "Continue a prompt");
  AddOptions(sub, command.get());
  sub->callback([command, action] {
    *action = [command](const CommonOptions& common) {
      return Run(*command, common);
    };
  });
}

}  // namespace ounce
