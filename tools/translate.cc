#include "tools/translate.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/annotate.h"
#include "core/json.h"
#include "core/status_macros.h"
#include "runtime/beam_search.h"
#include "runtime/executor.h"
#include "runtime/generation_rules.h"
#include "tools/generation.h"
#include "tools/language_tokens.h"
#include "tools/terminal.h"
#include "tools/text_batches.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

// Without -n, where the model's generation_config.json says nothing.
constexpr int64_t kDefaultTokens = 128;

// How texts are made.
struct Settings {
  GenerationRules rules;
  BeamOptions beams;
  TextOptions text;      // `rules` not yet set.
  int64_t capacity = 1;  // Of the decoder.
};

int64_t Beams(const RunArguments& arguments, const ModelSpec& spec) {
  return arguments.beams > 0 ? arguments.beams : spec.generation.beams;
}

absl::Status CheckBeams(const RunArguments& arguments, const ModelSpec& spec) {
  if (Beams(arguments, spec) == 1) {
    if (!arguments.is_given("--length-penalty")) return absl::OkStatus();
    return UsageError(absl::InvalidArgumentError(
        "--length-penalty weighs texts against each other and there is one "
        "beam; give --beams"));
  }
  for (const absl::string_view option :
       {"--temperature", "--top-k", "--top-p", "--min-p",
        "--repetition-penalty", "--seed", "--stop"}) {
    if (!arguments.is_given(option)) continue;
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        option, " chooses token by token and ", Beams(arguments, spec),
        " beams are followed", arguments.beams > 0 ? "" : " by default",
        "; give --beams 1")));
  }
  return absl::OkStatus();
}

// What the text begins with: after the start, or, where a model starts with a
// language, in its place.
absl::Status UseLanguage(const RunModel& run, const std::string& language,
                         GenerationRules* rules) {
  OUNCE_ASSIGN_OR_RETURN(
      const int32_t id,
      Annotate(FindLanguage(*run.tokenizer, language), "--target-language"));
  if (IsLanguageToken(run.tokenizer->Decode({&rules->start_id, 1}, false))) {
    rules->start_id = id;
  } else {
    rules->forced_first_id = id;
  }
  return absl::OkStatus();
}

absl::StatusOr<GenerationRules> ChooseRules(const RunModel& run,
                                            const RunArguments& arguments) {
  GenerationRules rules = RulesOf(run.spec(), kDefaultTokens);
  if (rules.start_id < 0) {
    return absl::InvalidArgumentError(
        "the model does not say what its decoder begins with; add "
        "\"decoder_start_token_id\" to its generation_config.json");
  }
  if (arguments.tokens >= 0) rules.max_tokens = arguments.tokens;
  if (arguments.no_repeat_ngram >= 0) {
    rules.no_repeat_ngram = arguments.no_repeat_ngram;
  }
  if (arguments.text.generate.ignore_stop_ids) rules.stop_ids.clear();
  if (!arguments.target_language.empty()) {
    OUNCE_RETURN_IF_ERROR(
        UsageError(UseLanguage(run, arguments.target_language, &rules)));
  }
  return rules;
}

absl::StatusOr<Settings> ChooseSettings(const RunModel& run,
                                        const RunArguments& arguments) {
  const ModelSpec& spec = run.spec();
  OUNCE_RETURN_IF_ERROR(CheckBeams(arguments, spec));
  Settings settings;
  settings.text = arguments.text;
  OUNCE_ASSIGN_OR_RETURN(settings.rules, ChooseRules(run, arguments));
  settings.text.generate.max_tokens = settings.rules.max_tokens;
  settings.rules.max_tokens =
      std::min(settings.rules.max_tokens, MostPositions(spec));
  settings.capacity = std::max<int64_t>(settings.rules.max_tokens, 1);
  settings.beams = {Beams(arguments, spec), spec.generation.length_penalty,
                    spec.generation.early_stopping};
  if (arguments.is_given("--length-penalty")) {
    settings.beams.length_penalty = arguments.length_penalty;
  }
  return settings;
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Translator {
 public:
  Translator(const RunModel& run, Settings settings)
      : tokenizer_(*run.tokenizer),
        settings_(std::move(settings)),
        encoder_(*run.model.weights.encoder, run.engine.context.get(),
                 run.limit),
        decoder_(run.model.weights, run.engine.context.get(),
                 settings_.capacity, {settings_.beams.beams, run.kv}) {
    settings_.text.generate.rules = &settings_.rules;
  }

  // `on_text` gets the text, piece by piece if there is one beam.
  absl::StatusOr<Outcome> Run(
      const EncodedText& source,
      absl::FunctionRef<bool(absl::string_view)> on_text) {
    const Clock::time_point start = Clock::now();
    Matrix hidden;
    OUNCE_RETURN_IF_ERROR(encoder_.Forward(source.encoding.ids, &hidden));
    OUNCE_RETURN_IF_ERROR(decoder_.SetSource(hidden.view(), {}));
    const double encoder_seconds = SecondsSince(start);
    OUNCE_ASSIGN_OR_RETURN(
        Outcome outcome,
        settings_.beams.beams == 1
            ? GenerateText(settings_.text, tokenizer_,
                           {&settings_.rules.start_id, 1}, &decoder_, on_text)
            : Search(on_text));
    outcome.prompt_tokens = static_cast<int64_t>(source.encoding.size());
    outcome.first_token_seconds += encoder_seconds;
    return outcome;
  }

 private:
  absl::StatusOr<Outcome> Search(
      absl::FunctionRef<bool(absl::string_view)> on_text) {
    const Clock::time_point start = Clock::now();
    Outcome outcome;
    OUNCE_ASSIGN_OR_RETURN(
        BeamText found,
        SearchBeams(settings_.beams, settings_.rules, &decoder_));
    outcome.ids = std::move(found.ids);
    outcome.text = tokenizer_.Decode(outcome.ids, true);
    outcome.result.tokens = static_cast<int64_t>(outcome.ids.size());
    outcome.result.reason =
        found.stopped ? StopReason::kStopId
        : settings_.text.generate.max_tokens > settings_.rules.max_tokens
            ? StopReason::kContext
            : StopReason::kLength;
    outcome.score = found.score;
    outcome.rest_seconds = SecondsSince(start);
    on_text(outcome.text);
    return outcome;
  }

  const Tokenizer& tokenizer_;
  Settings settings_;
  Executor encoder_;
  Executor decoder_;
};

bool IsBlank(const std::string& text) {
  return absl::StripAsciiWhitespace(text).empty();
}

absl::Status TranslateOne(const std::string& text, TextEncoder* encoder,
                          Translator* translator, const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const EncodedText source, encoder->Encode(text));
  OUNCE_ASSIGN_OR_RETURN(
      const Outcome outcome,
      translator->Run(source, [&common](absl::string_view piece) {
        if (!common.json) std::cout << piece << std::flush;
        return true;
      }));
  if (common.json) {
    std::cout << OutcomeJson(outcome).Dump(1) << "\n";
    return absl::OkStatus();
  }
  std::cout << std::endl;  // Flushed, so that the remark comes after the text.
  Remark(common, Summary(outcome));
  return absl::OkStatus();
}

// Of several lines: each stays one.
absl::Status TranslateLine(const std::string& text, TextEncoder* encoder,
                           Translator* translator,
                           const CommonOptions& common) {
  Outcome outcome;
  if (IsBlank(text)) {
    encoder->Skip();
  } else {
    OUNCE_ASSIGN_OR_RETURN(const EncodedText source, encoder->Encode(text));
    OUNCE_ASSIGN_OR_RETURN(
        outcome,
        translator->Run(source, [](absl::string_view) { return true; }));
  }
  std::cout << (common.json ? OutcomeJson(outcome).Dump()
                            : absl::StrReplaceAll(outcome.text, {{"\n", " "}}))
            << std::endl;
  return absl::OkStatus();
}

}  // namespace

absl::Status Translate(const RunModel& run, const RunArguments& arguments,
                       const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(Settings settings, ChooseSettings(run, arguments));
  Translator translator(run, std::move(settings));
  TextEncoder encoder(run, arguments, common);
  OUNCE_ASSIGN_OR_RETURN(TextSource sources, TextSource::Open(arguments));
  while (const std::optional<std::string> text = sources.Next()) {
    OUNCE_RETURN_IF_ERROR(
        arguments.has_lines()
            ? TranslateLine(*text, &encoder, &translator, common)
            : TranslateOne(*text, &encoder, &translator, common));
  }
  return absl::OkStatus();
}

}  // namespace ounce
