// `ounce verify`: the proof of loss.
#include <iostream>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compress/recipe.h"
#include "core/annotate.h"
#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "text/tokenizer.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"
#include "tools/verify_report_text.h"
#include "verify/classification.h"
#include "verify/embedding_distance.h"
#include "verify/loss_kind.h"
#include "verify/masked_language_model.h"
#include "verify/report.h"
#include "verify/sequence_to_sequence.h"
#include "verify/tasks.h"
#include "verify/tensor_error.h"
#include "verify/text_comparison.h"
#include "verify/text_lines.h"

namespace ounce {
namespace {

constexpr int64_t kMaxTextBytes = int64_t{1} << 30;
constexpr int64_t kDefaultContext = 256;

struct VerifyArguments {
  std::string model;
  std::string against;
  std::string text;
  std::string tasks;
  int64_t context = 0;     // 0: the default.
  int64_t score_from = 0;  // 0: the default.
  std::string windows = "all";
  std::string kv;  // Empty: the default.
  bool labels = false;
  bool weights_only = false;
  std::optional<double> max_kl;
  std::optional<double> max_ppl_increase;
  std::optional<double> max_flips;
  std::optional<double> max_cosine_distance;
};

// Both models, ready, the tokenizer they share, and what they run on.
struct Subjects {
  LoadedModel float_model;
  LoadedModel model;
  std::unique_ptr<Tokenizer> tokenizer;
  KernelContext* context = nullptr;
};

absl::StatusOr<int64_t> ParseWindows(const std::string& windows) {
  int64_t count = 0;
  if (windows == "all") return count;
  if (!absl::SimpleAtoi(windows, &count) || count < 1) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "--windows ", windows, "; expected \"all\" or a number from 1")));
  }
  return count;
}

absl::StatusOr<KvType> ParseKv(const std::string& name) {
  if (name.empty()) return KvType::kF32;
  const std::optional<KvType> kv = ParseKvType(name);
  if (kv.has_value()) return *kv;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--kv ", name, "; expected f32, f16 or int8")));
}

// A usage error: an option that means nothing to models of `kind`.
absl::Status CheckApplies(const VerifyArguments& arguments, LossKind kind) {
  const bool decoder = kind == LossKind::kDecoder;
  const bool generates = decoder || kind == LossKind::kSequenceToSequence;
  const bool classifies =
      kind == LossKind::kSequenceLabels || kind == LossKind::kTokenLabels;
  const bool embeds = kind == LossKind::kEmbedding;
  const struct {
    absl::string_view name;
    bool given;
    bool applies;
  } options[] = {
      {"--tasks", !arguments.tasks.empty(), decoder},
      {"--score-from", arguments.score_from > 0, decoder},
      {"--kv", !arguments.kv.empty(), generates},
      {"--labels", arguments.labels, kind == LossKind::kSequenceLabels},
      {"--max-kl", arguments.max_kl.has_value(), !embeds},
      {"--max-ppl-increase", arguments.max_ppl_increase.has_value(), generates},
      {"--max-flips", arguments.max_flips.has_value(), classifies},
      {"--max-cosine-distance", arguments.max_cosine_distance.has_value(),
       embeds},
  };
  for (const auto& option : options) {
    if (!option.given || option.applies) continue;
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        option.name, " does not apply to ", arguments.model,
        ", a model of kind ", LossKindName(kind), "; leave it out")));
  }
  return absl::OkStatus();
}

absl::StatusOr<Subjects> LoadSubjects(const VerifyArguments& arguments,
                                      const CommonOptions& common,
                                      const Engine& engine) {
  ThreadPool* const pool = engine.pool.get();
  Subjects subjects;
  subjects.context = engine.context.get();
  OUNCE_ASSIGN_OR_RETURN(subjects.model,
                         LoadModel(arguments.model, false, common, pool));
  OUNCE_RETURN_IF_ERROR(
      CheckApplies(arguments, LossKindOf(subjects.model.file.spec)));
  OUNCE_ASSIGN_OR_RETURN(subjects.float_model,
                         LoadModel(arguments.against, false, common, pool));
  OUNCE_RETURN_IF_ERROR(Annotate(
      CheckComparable({subjects.float_model.weights, subjects.model.weights}),
      arguments.against));
  const ModelFile& file = subjects.model.file;
  if (file.artifact != nullptr) {
    ProgressBar bar("checking hashes", "bytes", common);
    OUNCE_RETURN_IF_ERROR(
        Annotate(file.artifact->CheckHashes(bar.callback()), file.path));
  }
  if (arguments.weights_only) UnpackWeights(pool, &subjects.model);
  const bool own = file.tokenizer.kind != TokenizerKind::kNone;
  OUNCE_ASSIGN_OR_RETURN(
      subjects.tokenizer,
      CreateTokenizer(own ? file : subjects.float_model.file));
  return subjects;
}

// In windows of the whole of `text`.
absl::Status CompareWindows(const VerifyArguments& arguments,
                            const Subjects& subjects,
                            const CommonOptions& common, absl::string_view text,
                            VerifyReport* report) {
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<int32_t> ids,
      subjects.tokenizer->Encode(text, /*add_special_tokens=*/false));
  TextOptions options;
  options.context =
      arguments.context > 0
          ? arguments.context
          : std::min(kDefaultContext, subjects.model.file.spec.max_context);
  options.score_from = std::max<int64_t>(1, arguments.score_from);
  OUNCE_ASSIGN_OR_RETURN(options.max_windows, ParseWindows(arguments.windows));
  options.kv = report->kv;
  ProgressBar bar("comparing", "windows", common);
  options.progress = bar.callback();
  report->context = options.context;
  report->score_from = options.score_from;
  OUNCE_ASSIGN_OR_RETURN(
      report->text,
      CompareOnText(subjects.float_model.weights, subjects.model.weights, ids,
                    options, subjects.context));
  return absl::OkStatus();
}

// By the kind of the models, each line of a text by itself.
absl::Status MeasureLines(const LineSubjects& subjects,
                          absl::Span<const TextLine> lines,
                          const LineOptions& options, VerifyReport* report) {
  switch (report->kind) {
    case LossKind::kDecoder:
      return absl::InternalError("a decoder's text has windows and no lines");
    case LossKind::kSequenceToSequence: {
      OUNCE_ASSIGN_OR_RETURN(
          const SequenceToSequenceLoss loss,
          CompareSequenceToSequence(subjects, lines, options));
      report->text = loss.predictions;
      report->lines_cut = loss.lines_cut;
      report->lines_written = loss.written;
      return absl::OkStatus();
    }
    case LossKind::kMaskedLanguageModel: {
      OUNCE_ASSIGN_OR_RETURN(report->text,
                             CompareMaskedPredictions(subjects, lines, options,
                                                      &report->lines_cut));
      return absl::OkStatus();
    }
    case LossKind::kSequenceLabels:
    case LossKind::kTokenLabels: {
      OUNCE_ASSIGN_OR_RETURN(report->classification,
                             CompareClassification(subjects, lines, options));
      report->lines_cut = report->classification.lines_cut;
      return absl::OkStatus();
    }
    case LossKind::kEmbedding: {
      OUNCE_ASSIGN_OR_RETURN(report->embedding,
                             CompareEmbeddings(subjects, lines, options));
      report->lines_cut = report->embedding.lines_cut;
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::Status CompareLines(const VerifyArguments& arguments,
                          const Subjects& subjects, const CommonOptions& common,
                          absl::string_view text, VerifyReport* report) {
  OUNCE_ASSIGN_OR_RETURN(const std::vector<TextLine> all,
                         ParseTextLines(text, arguments.labels));
  absl::Span<const TextLine> lines = all;
  OUNCE_ASSIGN_OR_RETURN(const int64_t most, ParseWindows(arguments.windows));
  if (most > 0) lines = lines.subspan(0, static_cast<size_t>(most));
  ProgressBar bar("comparing", "lines", common);
  LineOptions options;
  options.context = arguments.context > 0
                        ? arguments.context
                        : subjects.model.file.spec.max_context;
  options.kv = report->kv;
  options.progress = bar.callback();
  report->context = options.context;
  return MeasureLines({{subjects.float_model.weights, subjects.model.weights},
                       *subjects.tokenizer,
                       subjects.context},
                      lines, options, report);
}

absl::Status CompareText(const VerifyArguments& arguments,
                         const Subjects& subjects, const CommonOptions& common,
                         VerifyReport* report) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(arguments.text, kMaxTextBytes));
  report->text_sha256 = Sha256Hex(text);
  const auto compare =
      report->kind == LossKind::kDecoder ? CompareWindows : CompareLines;
  return Annotate(compare(arguments, subjects, common, text, report),
                  arguments.text);
}

absl::Status CompareTasks(const VerifyArguments& arguments,
                          const Subjects& subjects, const CommonOptions& common,
                          VerifyReport* report) {
  if (arguments.tasks.empty()) return absl::OkStatus();
  OUNCE_ASSIGN_OR_RETURN(const std::string jsonl,
                         ReadSmallFile(arguments.tasks, kMaxTextBytes));
  OUNCE_ASSIGN_OR_RETURN(const std::vector<TaskItem> items,
                         Annotate(ParseTasks(jsonl), arguments.tasks));
  ProgressBar bar("choosing", "items", common);
  const TaskOptions options = {report->kv, bar.callback()};
  OUNCE_ASSIGN_OR_RETURN(
      TaskComparison comparison,
      Annotate(
          CompareOnTasks(subjects.float_model.weights, subjects.model.weights,
                         *subjects.tokenizer, items, options, subjects.context),
          arguments.tasks));
  report->tasks = std::move(comparison.results);
  report->winners_float = std::move(comparison.winners_float);
  report->winners = std::move(comparison.winners);
  return absl::OkStatus();
}

void AddGates(const VerifyArguments& arguments, VerifyReport* report) {
  if (arguments.max_kl.has_value()) {
    report->gates.push_back(MaxKlGate(*report->kl(), *arguments.max_kl));
  }
  if (arguments.max_ppl_increase.has_value()) {
    report->gates.push_back(MaxPplIncreaseGate(report->text.ppl_ratio,
                                               *arguments.max_ppl_increase));
  }
  if (arguments.max_flips.has_value()) {
    report->gates.push_back(
        MaxFlipsGate(report->classification.flips, *arguments.max_flips));
  }
  if (arguments.max_cosine_distance.has_value()) {
    report->gates.push_back(MaxCosineDistanceGate(
        report->embedding.cosine_distance, *arguments.max_cosine_distance));
  }
}

absl::Status WriteProof(const VerifyArguments& arguments, const Json& json,
                        const CommonOptions& common) {
  const std::string path = absl::StrCat(arguments.model, ".proof.json");
  OUNCE_RETURN_IF_ERROR(
      WriteFileAtomically(path, absl::StrCat(json.Dump(1), "\n")));
  Remark(common, absl::StrCat("wrote ", path));
  return absl::OkStatus();
}

// Where channels were scaled, weights are no longer those of the checkpoint,
// and what rounding cost them is what the artifact says.
void TakeScaledErrors(const ModelFile& file, VerifyReport* report) {
  if (file.artifact == nullptr) return;
  const absl::StatusOr<Recipe> recipe =
      ParseRecipe(file.artifact->provenance().recipe);
  if (!recipe.ok() || recipe->channel_scales.empty()) return;
  absl::flat_hash_map<std::string, double> snr_db;
  for (const TensorRecord& record : file.artifact->records()) {
    snr_db[record.name] = record.snr_db;
  }
  for (TensorError& tensor : report->tensors) {
    tensor.snr_db = snr_db.at(tensor.name);
  }
}

absl::StatusOr<ExitCode> Run(const VerifyArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(ParseWindows(arguments.windows).status());
  OUNCE_ASSIGN_OR_RETURN(const KvType kv, ParseKv(arguments.kv));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(const Subjects subjects,
                         LoadSubjects(arguments, common, engine));
  VerifyReport report;
  report.kv = kv;
  report.weights_only = arguments.weights_only;
  report.checkpoint = arguments.against;
  const ModelFile& file = subjects.model.file;
  report.kind = LossKindOf(file.spec);
  if (file.artifact != nullptr) report.artifact_id = file.artifact->id().Hex();
  OUNCE_RETURN_IF_ERROR(CompareText(arguments, subjects, common, &report));
  OUNCE_RETURN_IF_ERROR(CompareTasks(arguments, subjects, common, &report));
  const ModelFile& float_file = subjects.float_model.file;
  OUNCE_ASSIGN_OR_RETURN(
      report.tensors,
      MeasureTensorErrors({float_file.bound, *float_file.source},
                          {file.bound, *file.source}, engine.pool.get(),
                          nullptr));
  TakeScaledErrors(file, &report);
  AddGates(arguments, &report);
  const Json json = ReportJson(report);
  // What the weights cost alone is no proof of what running the file costs.
  if (file.artifact != nullptr && !arguments.weights_only) {
    OUNCE_RETURN_IF_ERROR(WriteProof(arguments, json, common));
  }
  if (common.json) {
    std::cout << json.Dump(1) << "\n";
  } else {
    std::cout << VerifyText(report);
  }
  return report.passed() ? kExitDone : kExitGateMissed;
}

void Declare(CommandLine& line, VerifyArguments* arguments) {
  line.Positional("MODEL", "The compressed model: .oz, or any other",
                  &arguments->model);
  line.Required("--against", "The float checkpoint it was made from",
                &arguments->against);
  line.Required("--text",
                "A text file that neither model was trained or calibrated on; "
                "for all but decoders an example on each line: a text, two "
                "with a tab between, or a source, a tab and its target",
                &arguments->text);
  line.Flag("--labels",
            "Classifiers of texts: each line ends with a tab and its true "
            "label, by name or number, for the accuracy",
            &arguments->labels);
  line.Option("--tasks",
              "Decoders: multiple-choice items, one JSON object a line: "
              "prompt, choices, answer, task",
              &arguments->tasks);
  line.Option("--context",
              "Tokens of a window, default 256 or the model's limit; tokens to "
              "which a line is cut, default the model's limit",
              2, kMaxCount, &arguments->context);
  line.Option("--score-from",
              "Decoders: first token of a window that is scored; default 1", 1,
              kMaxCount, &arguments->score_from);
  line.Option("--windows", "\"all\" (default) or the first N, windows or lines",
              &arguments->windows);
  line.Option(
      "--kv",
      "Type of the compressed decoder's keys and values: f32 (default), "
      "f16 or int8; the float model's are f32",
      &arguments->kv);
  line.Flag("--weights-only",
            "Compute with activations in float: what the weights cost alone",
            &arguments->weights_only);
  line.Option("--max-kl", "Gate: the upper end of the mean KL's interval, nats",
              &arguments->max_kl);
  line.Option("--max-ppl-increase",
              "Gate: the upper end of the perplexity ratio's interval less 1; "
              "0.01 is 1 %",
              &arguments->max_ppl_increase);
  line.Option("--max-flips",
              "Gate for classifiers: the upper end of the interval of the "
              "share of changed labels; 0.01 is 1 %",
              &arguments->max_flips);
  line.Option("--max-cosine-distance",
              "Gate for embedders: the upper end of the mean cosine distance's "
              "interval",
              &arguments->max_cosine_distance);
}

}  // namespace

Command VerifyCommand() {
  return MakeCommand<VerifyArguments>(
      "verify", "Measure what compression cost, with confidence intervals",
      Declare, Run);
}

}  // namespace ounce
