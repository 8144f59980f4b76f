// `ounce run`: a model continues a prompt.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "runtime/executor.h"
#include "runtime/generate.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/stop_text.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

struct RunArguments {
  std::string model;
  std::string prompt;
  int64_t context = 0;  // 0: the model's limit.
  std::string kv;  // Empty: f32 for a float model, f16 for a quantised one.
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

std::string ReadPrompt(const RunArguments& arguments) {
  if (arguments.prompt != "-") return arguments.prompt;
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// Generates and, when `stream` is set, prints the text as it becomes certain.
absl::StatusOr<Outcome> Generate(const RunArguments& arguments,
                                 const Tokenizer& tokenizer,
                                 absl::Span<const int32_t> prompt, bool stream,
                                 Executor* executor) {
  Outcome outcome;
  StopText stop(arguments.stops);
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
      ounce::Generate(executor, prompt, arguments.generate, [&](int32_t id) {
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
absl::StatusOr<int64_t> Capacity(const RunArguments& arguments,
                                 const ModelSpec& spec, int64_t prompt_tokens) {
  if (arguments.context > spec.max_context) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--context ", arguments.context, "; the model's limit is ",
                     spec.max_context)));
  }
  const int64_t limit =
      arguments.context > 0 ? arguments.context : spec.max_context;
  if (prompt_tokens > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", prompt_tokens, " tokens; the context holds ", limit,
        ": shorten it or raise --context"));
  }
  return std::min(limit, prompt_tokens + arguments.generate.max_tokens);
}

// A float model is run as it is; beside quantised weights the rounding of f16
// does not show.
absl::StatusOr<KvType> ChooseKvType(const RunArguments& arguments,
                                    const ModelFile& file) {
  if (arguments.kv.empty()) {
    const bool quantized =
        std::any_of(file.bound.tensors.begin(), file.bound.tensors.end(),
                    [](const BoundTensor& tensor) {
                      return GetCodecInfo(tensor.matrix.codec).quantized;
                    });
    return quantized ? KvType::kF16 : KvType::kF32;
  }
  const std::optional<KvType> kv = ParseKvType(arguments.kv);
  if (kv.has_value()) return *kv;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--kv ", arguments.kv, "; expected f32, f16 or int8")));
}

absl::StatusOr<ExitCode> Run(const RunArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(
      UsageError(CheckSamplerOptions(arguments.generate.sampler)));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(
      const LoadedModel model,
      LoadModel(arguments.model, false, common, engine.pool.get()));
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         CreateTokenizer(model.file));
  if (arguments.check && model.file.artifact != nullptr) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(model.file.artifact->CheckHashes(nullptr), arguments.model));
  }
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<int32_t> prompt,
      tokenizer->Encode(ReadPrompt(arguments), /*add_special_tokens=*/true));
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  OUNCE_ASSIGN_OR_RETURN(const int64_t capacity,
                         Capacity(arguments, model.file.spec, prompt_tokens));
  OUNCE_ASSIGN_OR_RETURN(const KvType kv, ChooseKvType(arguments, model.file));
  Executor executor(model.weights, engine.context.get(), capacity, {1, kv});
  OUNCE_ASSIGN_OR_RETURN(
      const Outcome outcome,
      Generate(arguments, *tokenizer, prompt, !common.json, &executor));
  if (common.json) {
    std::cout << OutcomeJson(outcome, prompt_tokens).Dump(1) << "\n";
    return kExitDone;
  }
  std::cout << std::endl;  // Flushed, so that the remark comes after the text.
  Remark(common, Summary(outcome, prompt_tokens));
  if (outcome.result.reason == StopReason::kContext) {
    Remark(common, absl::StrCat("stopped at the context limit of ", capacity,
                                " tokens, before -n was reached"));
  }
  return kExitDone;
}

void Declare(CommandLine& line, RunArguments* arguments) {
  GenerateOptions& generate = arguments->generate;
  SamplerOptions& sampler = generate.sampler;
  line.Positional("MODEL", "Hugging Face folder or .oz file",
                  &arguments->model);
  line.Required("-p,--prompt", "Text to continue; - reads it from stdin",
                &arguments->prompt);
  line.Option("-n,--tokens", "Tokens to generate at most; default 128", 0,
              kMaxCount, &generate.max_tokens);
  line.Option("--context",
              "Tokens of prompt and text together; default the model's limit",
              1, kMaxCount, &arguments->context);
  line.Option("--kv",
              "Type of keys and values: f32 (default for float models), f16 "
              "(default for others) or int8",
              &arguments->kv);
  line.Option("--stop", "Stop before this text; may be given several times",
              &arguments->stops);
  line.Flag("--ignore-eos", "Go on after the model's end of text",
            &generate.ignore_stop_ids);
  line.Option("--temperature", "0 (default): always the most probable token",
              &sampler.temperature);
  line.Option("--top-k", "Keep the k most probable; 0 (default): all", 0,
              kMaxCount, &sampler.top_k);
  line.Option(
      "--top-p",
      "Keep the fewest tokens with this total probability; 1 (default): "
      "all",
      &sampler.top_p);
  line.Option("--min-p",
              "Keep tokens above this share of the most probable one's; 0 "
              "(default): all",
              &sampler.min_p);
  line.Option("--repetition-penalty",
              "Above 1 (default): tokens already seen become less probable",
              &sampler.repetition_penalty);
  line.Option("--seed", "Of the random choice; default 0", &sampler.seed);
  line.Flag("--check", "Compare every weight's hash before running",
            &arguments->check);
}

}  // namespace

Command RunCommand() {
  return MakeCommand<RunArguments>("run", "Continue a prompt", Declare, Run);
}

}  // namespace ounce
