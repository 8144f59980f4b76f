// `ounce verify`: the proof of loss.
#include <iostream>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
#include "verify/report.h"
#include "verify/tasks.h"
#include "verify/tensor_error.h"
#include "verify/text_comparison.h"

namespace ounce {
namespace {

constexpr int64_t kMaxTextBytes = int64_t{1} << 30;
constexpr int64_t kDefaultContext = 256;
constexpr int64_t kWorstTensorsShown = 5;

struct VerifyArguments {
  std::string model;
  std::string against;
  std::string text;
  std::string tasks;
  int64_t context = 0;  // 0: the default.
  int64_t score_from = 1;
  std::string windows = "all";
  std::string kv = "f32";
  std::optional<double> max_kl;
  std::optional<double> max_ppl_increase;
};

// Both models, ready, and the tokenizer they share.
struct Subjects {
  LoadedModel float_model;
  LoadedModel model;
  std::unique_ptr<Tokenizer> tokenizer;
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
  const std::optional<KvType> kv = ParseKvType(name);
  if (kv.has_value()) return *kv;
  return UsageError(absl::InvalidArgumentError(
      absl::StrCat("--kv ", name, "; expected f32, f16 or int8")));
}

absl::StatusOr<Subjects> LoadSubjects(const VerifyArguments& arguments,
                                      const CommonOptions& common,
                                      ThreadPool* pool) {
  Subjects subjects;
  OUNCE_ASSIGN_OR_RETURN(subjects.model,
                         LoadModel(arguments.model, false, common, pool));
  OUNCE_ASSIGN_OR_RETURN(subjects.float_model,
                         LoadModel(arguments.against, false, common, pool));
  const ModelFile& file = subjects.model.file;
  if (file.artifact != nullptr) {
    ProgressBar bar("checking hashes", "bytes", common);
    OUNCE_RETURN_IF_ERROR(
        Annotate(file.artifact->CheckHashes(bar.callback()), file.path));
  }
  const bool own = file.tokenizer.kind != TokenizerKind::kNone;
  OUNCE_ASSIGN_OR_RETURN(
      subjects.tokenizer,
      CreateTokenizer(own ? file : subjects.float_model.file));
  return subjects;
}

absl::Status CompareText(const VerifyArguments& arguments,
                         const Subjects& subjects, const CommonOptions& common,
                         KernelContext* context, VerifyReport* report) {
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(arguments.text, kMaxTextBytes));
  OUNCE_ASSIGN_OR_RETURN(
      const std::vector<int32_t> ids,
      Annotate(subjects.tokenizer->Encode(text, /*add_special_tokens=*/false),
               arguments.text));
  TextOptions options;
  options.context =
      arguments.context > 0
          ? arguments.context
          : std::min(kDefaultContext, subjects.model.file.spec.max_context);
  options.score_from = arguments.score_from;
  OUNCE_ASSIGN_OR_RETURN(options.max_windows, ParseWindows(arguments.windows));
  options.kv = report->kv;
  ProgressBar bar("comparing", "windows", common);
  options.progress = bar.callback();
  report->text_sha256 = Sha256Hex(text);
  report->context = options.context;
  report->score_from = options.score_from;
  OUNCE_ASSIGN_OR_RETURN(
      report->text,
      Annotate(CompareOnText(subjects.float_model.weights,
                             subjects.model.weights, ids, options, context),
               arguments.text));
  return absl::OkStatus();
}

absl::Status CompareTasks(const VerifyArguments& arguments,
                          const Subjects& subjects, const CommonOptions& common,
                          KernelContext* context, VerifyReport* report) {
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
                         *subjects.tokenizer, items, options, context),
          arguments.tasks));
  report->tasks = std::move(comparison.results);
  report->winners_float = std::move(comparison.winners_float);
  report->winners = std::move(comparison.winners);
  return absl::OkStatus();
}

std::string FormatEstimate(const Estimate& estimate, int digits,
                           double factor = 1.0) {
  std::string text = FormatNumber(factor * estimate.value, digits);
  if (!estimate.low.has_value()) {
    return absl::StrCat(text, "  (no interval: fewer than ",
                        kMinUnitsForInterval, ")");
  }
  return absl::StrCat(text, "  [", FormatNumber(factor * *estimate.low, digits),
                      ", ", FormatNumber(factor * *estimate.high, digits), "]");
}

void PrintText(const VerifyReport& report) {
  const TextComparison& text = report.text;
  std::cout << absl::StrFormat(
      "%d windows of %d tokens, %d tokens scored; %s95 %% intervals\n",
      text.windows, report.context, text.tokens_scored,
      report.kv == KvType::kF32
          ? ""
          : absl::StrCat("kv ", KvTypeName(report.kv), "; "));
  std::cout << FormatTable(
      {{"mean KL(float || compressed), nats", FormatEstimate(text.kl, 4)},
       {"  percentiles 50 / 90 / 99 / 99.9 / max",
        absl::StrCat(FormatNumber(text.kl_p50, 3), " / ",
                     FormatNumber(text.kl_p90, 3), " / ",
                     FormatNumber(text.kl_p99, 3), " / ",
                     FormatNumber(text.kl_p999, 3), " / ",
                     FormatNumber(text.kl_max, 3))},
       {"same most probable token, %", FormatEstimate(text.same_top1, 4, 100)},
       {"perplexity, float", FormatEstimate(text.ppl_float, 6)},
       {"perplexity, compressed", FormatEstimate(text.ppl, 6)},
       {"perplexity ratio", FormatEstimate(text.ppl_ratio, 6)}},
      {1});
}

void PrintTasks(const VerifyReport& report) {
  if (report.tasks.empty()) return;
  std::vector<std::vector<std::string>> rows = {{"task", "items", "float %",
                                                 "compressed %", "flips",
                                                 "difference, points"}};
  for (const TaskResult& task : report.tasks) {
    rows.push_back({task.name, absl::StrCat(task.items),
                    absl::StrFormat("%.2f", 100 * task.accuracy_float),
                    absl::StrFormat("%.2f", 100 * task.accuracy),
                    absl::StrCat(task.flips),
                    FormatEstimate(task.accuracy_difference, 3, 100)});
  }
  std::cout << "\n" << FormatTable(rows, {5});
}

void PrintWorstTensors(const VerifyReport& report) {
  std::vector<TensorError> tensors = report.tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorError& a, const TensorError& b) {
              return a.snr_db < b.snr_db;
            });
  std::vector<std::vector<std::string>> rows = {
      {"tensors with the largest error", "codec", "bits", "SNR dB"}};
  for (const TensorError& tensor : tensors) {
    if (static_cast<int64_t>(rows.size()) > kWorstTensorsShown) break;
    if (tensor.max_error == 0) continue;
    rows.push_back({tensor.name, tensor.codec,
                    absl::StrFormat("%.3f", tensor.bits),
                    absl::StrFormat("%.2f", tensor.snr_db)});
  }
  if (rows.size() > 1) std::cout << "\n" << FormatTable(rows, {1});
}

void PrintGates(const VerifyReport& report) {
  for (const Gate& gate : report.gates) {
    std::cout << absl::StrFormat(
        "\ngate %s: upper end %s, limit %s: %s", gate.name,
        gate.value.has_value() ? FormatNumber(*gate.value, 4) : "unknown",
        FormatNumber(gate.limit, 4), gate.passed ? "passed" : "MISSED");
  }
  if (!report.gates.empty()) std::cout << "\n";
}

absl::Status WriteProof(const VerifyArguments& arguments, const Json& json,
                        const CommonOptions& common) {
  const std::string path = absl::StrCat(arguments.model, ".proof.json");
  OUNCE_RETURN_IF_ERROR(
      WriteFileAtomically(path, absl::StrCat(json.Dump(1), "\n")));
  Remark(common, absl::StrCat("wrote ", path));
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Run(const VerifyArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_RETURN_IF_ERROR(ParseWindows(arguments.windows).status());
  OUNCE_ASSIGN_OR_RETURN(const KvType kv, ParseKv(arguments.kv));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  OUNCE_ASSIGN_OR_RETURN(const Subjects subjects,
                         LoadSubjects(arguments, common, engine.pool.get()));
  VerifyReport report;
  report.kv = kv;
  report.checkpoint = arguments.against;
  const ModelFile& file = subjects.model.file;
  if (file.artifact != nullptr) report.artifact_id = file.artifact->id().Hex();
  OUNCE_RETURN_IF_ERROR(
      CompareText(arguments, subjects, common, engine.context.get(), &report));
  OUNCE_RETURN_IF_ERROR(
      CompareTasks(arguments, subjects, common, engine.context.get(), &report));
  const ModelFile& float_file = subjects.float_model.file;
  OUNCE_ASSIGN_OR_RETURN(
      report.tensors,
      MeasureTensorErrors({float_file.bound, *float_file.source},
                          {file.bound, *file.source}, engine.pool.get(),
                          nullptr));
  if (arguments.max_kl.has_value()) {
    report.gates.push_back(MaxKlGate(report.text, *arguments.max_kl));
  }
  if (arguments.max_ppl_increase.has_value()) {
    report.gates.push_back(
        MaxPplIncreaseGate(report.text, *arguments.max_ppl_increase));
  }
  const Json json = ReportJson(report);
  if (file.artifact != nullptr) {
    OUNCE_RETURN_IF_ERROR(WriteProof(arguments, json, common));
  }
  if (common.json) {
    std::cout << json.Dump(1) << "\n";
  } else {
    PrintText(report);
    PrintTasks(report);
    PrintWorstTensors(report);
    PrintGates(report);
  }
  return report.passed() ? kExitDone : kExitGateMissed;
}

void Declare(CommandLine& line, VerifyArguments* arguments) {
  line.Positional("MODEL", "The compressed model: .oz, or any other",
                  &arguments->model);
  line.Required("--against", "The float checkpoint it was made from",
                &arguments->against);
  line.Required("--text",
                "A text file that neither model was trained or calibrated on",
                &arguments->text);
  line.Option("--tasks",
              "Multiple-choice items, one JSON object a line: prompt, choices, "
              "answer, task",
              &arguments->tasks);
  line.Option("--context",
              "Tokens of a window; default 256 or the model's limit", 2,
              kMaxCount, &arguments->context);
  line.Option("--score-from",
              "First token of a window that is scored; default 1", 1, kMaxCount,
              &arguments->score_from);
  line.Option("--windows", "\"all\" (default) or the first N",
              &arguments->windows);
  line.Option("--kv",
              "Type of the compressed model's keys and values: f32 (default), "
              "f16 or int8; the float model's are f32",
              &arguments->kv);
  line.Option("--max-kl", "Gate: the upper end of the mean KL's interval, nats",
              &arguments->max_kl);
  line.Option("--max-ppl-increase",
              "Gate: the upper end of the perplexity ratio's interval less 1; "
              "0.01 is 1 %",
              &arguments->max_ppl_increase);
}

}  // namespace

Command VerifyCommand() {
  return MakeCommand<VerifyArguments>(
      "verify", "Measure what compression cost, with confidence intervals",
      Declare, Run);
}

}  // namespace ounce
