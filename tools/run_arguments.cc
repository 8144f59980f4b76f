#include "tools/run_arguments.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "tools/command.h"

namespace ounce {
namespace {

constexpr unsigned kContinue = static_cast<unsigned>(RunKind::kContinue);
constexpr unsigned kTranslate = static_cast<unsigned>(RunKind::kTranslate);
constexpr unsigned kClassify = static_cast<unsigned>(RunKind::kClassify);
constexpr unsigned kTag = static_cast<unsigned>(RunKind::kTag);
constexpr unsigned kFillMask = static_cast<unsigned>(RunKind::kFillMask);
constexpr unsigned kEmbed = static_cast<unsigned>(RunKind::kEmbed);
constexpr unsigned kDecoders = kContinue | kTranslate;
constexpr unsigned kEncoders = kClassify | kTag | kFillMask | kEmbed;

constexpr int64_t kMaxBeams = 64;
constexpr int64_t kMaxBatch = 1024;
// Positions that are distances have no end of their own; this bounds memory.
constexpr int64_t kMaxRelativeContext = int64_t{1} << 17;

struct OptionRow {
  absl::string_view option;
  unsigned kinds;  // That take it.
};
// Those that are not here go with every kind.
constexpr OptionRow kOptionRows[] = {
    {"--chat", kContinue},
    {"--system", kContinue},
    {"--chat-file", kContinue},
    {"--chat-template", kContinue},
    {"--chat-var", kContinue},
    {"--show-prompt", kContinue},
    {"--tokens", kDecoders},
    {"--kv", kDecoders},
    {"--stop", kDecoders},
    {"--ignore-eos", kDecoders},
    {"--temperature", kDecoders},
    {"--top-k", kDecoders},
    {"--top-p", kDecoders},
    {"--min-p", kDecoders},
    {"--repetition-penalty", kDecoders},
    {"--seed", kDecoders},
    {"--file", kTranslate | kEncoders},
    {"--truncate", kTranslate | kEncoders},
    {"--batch", kEncoders},
    {"--pair", kClassify | kFillMask | kEmbed},
    {"--top", kClassify | kFillMask},
    {"--pooling", kEmbed},
    {"--normalize", kEmbed},
    {"--beams", kTranslate},
    {"--length-penalty", kTranslate},
    {"--no-repeat-ngram", kTranslate},
    {"--target-language", kTranslate},
};

absl::string_view KindText(RunKind kind) {
  switch (kind) {
    case RunKind::kContinue:
      return "a decoder";
    case RunKind::kTranslate:
      return "an encoder-decoder";
    case RunKind::kClassify:
      return "a classifier of texts";
    case RunKind::kTag:
      return "a classifier of tokens";
    case RunKind::kFillMask:
      return "a masked language model";
    case RunKind::kEmbed:
      return "an encoder without a head";
  }
  return "a model";
}

std::string OptionsOf(RunKind kind) {
  std::string options;
  for (const OptionRow& row : kOptionRows) {
    if ((row.kinds & static_cast<unsigned>(kind)) == 0) continue;
    absl::StrAppend(&options, options.empty() ? "" : ", ", row.option);
  }
  return options;
}

void DeclareChat(CommandLine& line, ChatArguments* chat) {
  line.Section("Decoders, talking");
  line.Flag("--chat",
            "Talk: the prompt becomes a user's message in the model's chat "
            "template; without -p, a conversation line by line",
            &chat->chat);
  line.Option("--system", "What the model is told beforehand", &chat->system);
  line.Option("--chat-file",
              "A JSON list of messages, or an object with messages, tools and "
              "documents",
              &chat->file);
  line.Option("--chat-template",
              "A Jinja file, or a name of the model's templates",
              &chat->chat_template);
  line.Option("--chat-var",
              "NAME=VALUE for the template, as enable_thinking=false; may be "
              "given several times",
              &chat->variables);
  line.Flag("--show-prompt",
            "Print what the template makes of the conversation and generate "
            "nothing",
            &chat->show_prompt);
}

void DeclareSampler(CommandLine& line, SamplerOptions* sampler) {
  line.Option("--temperature", "0 (default): always the most probable token",
              &sampler->temperature);
  line.Option("--top-k", "Keep the k most probable; 0 (default): all", 0,
              kMaxCount, &sampler->top_k);
  line.Option("--top-p",
              "Keep the fewest tokens with this total probability; 1 "
              "(default): all",
              &sampler->top_p);
  line.Option("--min-p",
              "Keep tokens above this share of the most probable one's; 0 "
              "(default): all",
              &sampler->min_p);
  line.Option("--repetition-penalty",
              "Above 1 (default): tokens already seen become less probable",
              &sampler->repetition_penalty);
  line.Option("--seed", "Of the random choice; default 0", &sampler->seed);
}

void DeclareGeneration(CommandLine& line, RunArguments* arguments) {
  line.Section("Decoders and encoder-decoders");
  line.Option("-n,--tokens",
              "Tokens to generate at most; default 128, with --chat all that "
              "fit the context, for an encoder-decoder what its "
              "generation_config.json says, if anything",
              0, kMaxCount, &arguments->tokens);
  line.Option("--kv",
              "Type of keys and values: f32 (default for float models), f16 "
              "(default for others) or int8",
              &arguments->kv);
  line.Option("--stop", "Stop before this text; may be given several times",
              &arguments->text.stops);
  line.Flag("--ignore-eos", "Go on after the model's end of text",
            &arguments->text.generate.ignore_stop_ids);
  DeclareSampler(line, &arguments->text.generate.sampler);
}

void DeclareTranslation(CommandLine& line, RunArguments* arguments) {
  line.Section("Encoder-decoders");
  line.Option("--beams",
              "Texts followed side by side, of which the best is given; 1: "
              "token by token, as it comes; default as the model's "
              "generation_config.json says, else 1",
              1, kMaxBeams, &arguments->beams);
  line.Option("--length-penalty",
              "With beams: a text's score is divided by length^this; above 0 "
              "favours long texts; default as the model says, else 1",
              &arguments->length_penalty);
  line.Option("--no-repeat-ngram",
              "No sequence of so many tokens twice; 0: any; default as the "
              "model says, else 0",
              0, kMaxCount, &arguments->no_repeat_ngram);
  line.Option("--target-language",
              "The language's token, as fr_XX or __fr__, which the text "
              "begins with",
              &arguments->target_language);
}

void DeclareTexts(CommandLine& line, RunArguments* arguments) {
  line.Section("Encoders and encoder-decoders");
  line.Option("--file", "A file of texts, one a line", &arguments->file);
  line.Flag("--truncate",
            "Cut a text that is longer than the model takes, and say so; "
            "without it such a text is an error",
            &arguments->truncate);
}

void DeclareEncoding(CommandLine& line, RunArguments* arguments) {
  line.Section("Encoders");
  line.Option("-b,--batch",
              "Texts that go through the model together; default 16", 1,
              kMaxBatch, &arguments->batch);
  line.Option("--pair", "The second text, beside each of the first",
              &arguments->pair);
  line.Option("--top",
              "Classifiers of texts: labels to show, the most probable; "
              "default all, of several texts one. Masked language models: "
              "candidates for each mask; default 5",
              1, kMaxCount, &arguments->top);
  line.Option("--pooling",
              "Embeddings: mean of the tokens, cls (the first token) or "
              "pooler (the first token through the model's pooler); default "
              "as the model says, else mean",
              &arguments->pooling);
  line.Flag("--normalize", "Embeddings: of length 1", &arguments->normalize);
}

}  // namespace

bool RunArguments::is_given(absl::string_view option) const {
  return std::find(given.begin(), given.end(), option) != given.end();
}

void DeclareRun(CommandLine& line, RunArguments* arguments) {
  line.Positional("MODEL", "Hugging Face folder, .gguf or .oz file",
                  &arguments->model);
  line.Option("-p,--prompt",
              "Text to continue, translate, classify or embed; - reads it from "
              "stdin: a decoder all as one prompt, other models a text a line",
              &arguments->prompt);
  line.Option("--context",
              "Longest text in tokens, for a decoder with what it generates; "
              "default the model's limit",
              1, kMaxCount, &arguments->context);
  line.Flag("--check", "Compare every weight's hash before running",
            &arguments->check);
  DeclareGeneration(line, arguments);
  DeclareChat(line, &arguments->chat);
  DeclareTexts(line, arguments);
  DeclareTranslation(line, arguments);
  DeclareEncoding(line, arguments);
  line.NoteGiven(&arguments->given);
}

RunKind KindOf(const ModelSpec& spec, const RunArguments& arguments) {
  if (spec.has_encoder()) return RunKind::kTranslate;
  if (spec.causal) return RunKind::kContinue;
  switch (spec.head) {
    case HeadKind::kSequenceLabels:
      return RunKind::kClassify;
    case HeadKind::kTokenLabels:
      return RunKind::kTag;
    case HeadKind::kNone:
      return RunKind::kEmbed;
    case HeadKind::kLanguageModel:
      break;
  }
  return arguments.is_given("--pooling") ? RunKind::kEmbed : RunKind::kFillMask;
}

absl::Status CheckRunArguments(const RunArguments& arguments) {
  OUNCE_RETURN_IF_ERROR(CheckSamplerOptions(arguments.text.generate.sampler));
  if (!std::isfinite(arguments.length_penalty)) {
    return absl::InvalidArgumentError(
        "--length-penalty is no finite number; expected one, 1 being usual");
  }
  if (!arguments.chat.chat && arguments.chat.any()) {
    return absl::InvalidArgumentError(
        "--system, --chat-file, --chat-template, --chat-var and --show-prompt "
        "belong to --chat, which is missing");
  }
  if (!arguments.prompt.empty() && !arguments.file.empty()) {
    return absl::InvalidArgumentError(
        "both -p and --file bring texts; give one of them");
  }
  if (arguments.chat.chat || arguments.is_given("--prompt") ||
      !arguments.file.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "no text; give -p TEXT, -p - to read stdin, --file FILE for an encoder's "
      "texts, or --chat to talk");
}

absl::Status CheckRunOptions(const RunArguments& arguments,
                             const ModelSpec& spec) {
  const RunKind kind = KindOf(spec, arguments);
  for (const OptionRow& row : kOptionRows) {
    if ((row.kinds & static_cast<unsigned>(kind)) != 0 ||
        !arguments.is_given(row.option)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat(row.option, " is no option for ", KindText(kind),
                     ", which ", arguments.model, " is ('", spec.architecture,
                     "'); it takes ", OptionsOf(kind)));
  }
  if (kind == RunKind::kContinue && arguments.prompt.empty() &&
      !arguments.chat.chat) {
    return absl::InvalidArgumentError(
        "nothing to continue; give -p PROMPT, or --chat to talk");
  }
  return absl::OkStatus();
}

int64_t MostPositions(const ModelSpec& spec) {
  return spec.position == PositionKind::kRelative ? kMaxRelativeContext
                                                  : spec.max_context;
}

absl::StatusOr<int64_t> ContextLimit(const RunArguments& arguments,
                                     const ModelSpec& spec) {
  if (arguments.context > MostPositions(spec)) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("--context ", arguments.context, "; the model's limit is ",
                     MostPositions(spec))));
  }
  if (arguments.context > 0) return arguments.context;
  return spec.text_limit > 0 ? spec.text_limit : spec.max_context;
}

}  // namespace ounce
