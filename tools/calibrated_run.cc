#include "tools/calibrated_run.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compress/calibrated_compress.h"
#include "compress/calibration.h"
#include "compress/journal.h"
#include "compress/source_hash.h"
#include "compress/statistics_file.h"
#include "compress/statistics_pass.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/status_macros.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

constexpr int64_t kMaxTextBytes = int64_t{1} << 30;
constexpr size_t kWorstTensors = 10;

CalibrationOptions OptionsOf(const CalibrationArguments& arguments) {
  CalibrationOptions options;
  options.tokens = arguments.tokens;
  options.context = arguments.context;
  options.seed = arguments.seed;
  return options;
}

absl::StatusOr<Calibration> LoadText(const ModelFile& model,
                                     const CalibrationArguments& arguments) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<Tokenizer> tokenizer,
                         CreateTokenizer(model));
  OUNCE_ASSIGN_OR_RETURN(const std::string text,
                         ReadSmallFile(arguments.text, kMaxTextBytes));
  return Annotate(
      CalibrateOnText(text, *tokenizer, model.spec, OptionsOf(arguments)),
      arguments.text);
}

absl::StatusOr<Calibration> SampleText(const ModelFile& model,
                                       const CalibrationArguments& arguments,
                                       const CommonOptions& common,
                                       KernelContext* context) {
  Remark(common,
         "warning: without --calibrate FILE the model calibrates on text that "
         "it writes itself; text like that which it will see is better");
  OUNCE_RETURN_IF_ERROR(CheckAllFinite(model.bound, &context->pool()));
  const ModelWeights weights = ArrangeWeights(model.spec, model.bound);
  ProgressBar bar("writing calibration text", "windows", common);
  return CalibrateOnOwnText(weights, OptionsOf(arguments), bar.callback(),
                            context);
}

absl::StatusOr<Calibration> PrepareCalibration(
    const ModelFile& model, const CalibrationArguments& arguments,
    const std::optional<Journal>& journal, const CommonOptions& common,
    KernelContext* context) {
  if (!arguments.text.empty()) return LoadText(model, arguments);
  if (journal.has_value() && !journal->windows.empty()) {
    return RestoreOwnText(journal->windows, model.spec, OptionsOf(arguments));
  }
  return SampleText(model, arguments, common, context);
}

// The journal to go on from; nullopt: nothing was interrupted.
absl::StatusOr<std::optional<Journal>> FindJournal(
    const CalibrationArguments& arguments, const std::string& output,
    const CommonOptions& common) {
  if (!arguments.resume) return std::nullopt;
  absl::StatusOr<Journal> journal = ReadJournal(output);
  // A run that ended between renaming its file and removing its journal has
  // the latter alone.
  if (absl::IsNotFound(journal.status()) ||
      !std::filesystem::exists(absl::StrCat(output, ".partial"))) {
    Remark(common, absl::StrCat("nothing to resume for ", output,
                                ": starting from the beginning"));
    return std::nullopt;
  }
  if (!journal.ok()) return journal.status();
  return *std::move(journal);
}

// That `file` was collected as `arguments` ask for, as far as they do.
absl::Status CheckCollectedAs(const ModelFile& model,
                              const CalibrationArguments& arguments,
                              const StatisticsFile& file) {
  const CalibrationSource& source = file.origin().calibration;
  const CalibrationArguments defaults;
  const auto differs = [&](absl::string_view option, int64_t collected,
                           int64_t given) {
    return absl::FailedPreconditionError(
        absl::StrCat("'", file.path(), "' was collected with ", option, " ",
                     collected, ", not ", given,
                     "; leave the option out, or collect anew with "
                     "--save-stats"));
  };
  if (arguments.tokens != defaults.tokens &&
      arguments.tokens != file.origin().token_limit) {
    return differs("--calibration-tokens", file.origin().token_limit,
                   arguments.tokens);
  }
  if (arguments.context != defaults.context &&
      arguments.context != source.context) {
    return differs("--calibration-context", source.context, arguments.context);
  }
  if (arguments.seed != defaults.seed && arguments.seed != source.seed) {
    return differs("--calibration-seed", static_cast<int64_t>(source.seed),
                   static_cast<int64_t>(arguments.seed));
  }
  if (arguments.text.empty()) return absl::OkStatus();
  // Cut as it was then.
  CalibrationArguments collected = arguments;
  collected.tokens = file.origin().token_limit;
  collected.context = source.context;
  collected.seed = source.seed;
  OUNCE_ASSIGN_OR_RETURN(const Calibration text, LoadText(model, collected));
  if (text.sha256 == source.sha256) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "'", file.path(), "' was collected on ",
      source.own_text ? "text that the model wrote" : "another text", " than '",
      arguments.text,
      "'; leave out --calibrate, or collect anew with --save-stats"));
}

absl::StatusOr<std::unique_ptr<StatisticsFile>> OpenStatistics(
    const ModelFile& model, const CalibrationArguments& arguments,
    const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<StatisticsFile> file,
                         StatisticsFile::Open(path));
  OUNCE_RETURN_IF_ERROR(CheckCollectedAs(model, arguments, *file));
  return file;
}

absl::StatusOr<std::unique_ptr<StatisticsFile>> SaveStatistics(
    const StatisticsInput& input, const std::string& path,
    const CommonOptions& common, KernelContext* context) {
  const ModelFile& model = input.model;
  OUNCE_RETURN_IF_ERROR(
      CheckDiskSpace(path, StatisticsBytes(model.spec, input.plan)));
  StatisticsOptions options;
  options.tool_version = std::string(ToolVersion());
  SourceHasher hasher(model.folder, model.files);
  OUNCE_ASSIGN_OR_RETURN(options.sources, hasher.Finish());
  {
    ProgressBar bar("collecting statistics", "layers", common);
    options.progress = bar.callback();
    OUNCE_RETURN_IF_ERROR(CollectStatistics(input, path, options, context));
  }
  return StatisticsFile::Open(path);
}

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f %%", 100 * part / whole) : "";
}

}  // namespace

bool CalibrationArguments::given() const {
  const CalibrationArguments defaults;
  return !text.empty() || tokens != defaults.tokens ||
         context != defaults.context || seed != defaults.seed ||
         !max_ram.empty() || resume || !statistics.empty() ||
         !save_statistics.empty();
}

absl::Status CheckStatisticsArguments(const CalibrationArguments& arguments,
                                      const Recipe& recipe) {
  if (arguments.statistics.empty() && arguments.save_statistics.empty()) {
    return absl::OkStatus();
  }
  if (!arguments.statistics.empty() && !arguments.save_statistics.empty()) {
    return UsageError(absl::InvalidArgumentError(
        "--stats takes statistics from a file and --save-stats collects them "
        "into one: give one of the two"));
  }
  const absl::Status served = CheckNeedsOnlyStatistics(recipe);
  return served.ok() ? served : UsageError(served);
}

void DeclareCalibration(CommandLine& line, CalibrationArguments* arguments) {
  line.Section("Calibration, for recipes that need it");
  line.Option("--calibrate",
              "Text to calibrate on; without it the model writes its own",
              &arguments->text);
  line.Option("--calibration-tokens", "At most so many; default 32768", 1,
              kMaxCount, &arguments->tokens);
  line.Option("--calibration-context",
              "Tokens of a window; default 512, or the model's if shorter", 1,
              kMaxCount, &arguments->context);
  line.Option("--calibration-seed",
              "Draws windows from a longer text, or the model's own text",
              &arguments->seed);
  line.Option("--max-ram",
              "Memory that calibrating may take, as 2G; what does not fit goes "
              "to a file beside the output",
              &arguments->max_ram);
  line.Flag("--resume",
            "Go on where a run with the same arguments was interrupted",
            &arguments->resume);
  line.Option("--save-stats",
              "Collect the statistics of the float model's inputs into this "
              "file and compress with them, as --stats does",
              &arguments->save_statistics);
  line.Option("--stats",
              "Compress with the statistics that --save-stats wrote: no text, "
              "and the model does not run",
              &arguments->statistics);
}

absl::StatusOr<int64_t> ParseBytes(const std::string& text) {
  if (text.empty()) return 0;
  std::string number = text;
  double unit = 1.0;
  switch (number.back()) {
    case 'K':
      unit = 1024.0;
      break;
    case 'M':
      unit = 1024.0 * 1024.0;
      break;
    case 'G':
      unit = 1024.0 * 1024.0 * 1024.0;
      break;
    default:
      break;
  }
  if (unit > 1.0) number.pop_back();
  double value;
  if (!absl::SimpleAtod(number, &value) || !(value > 0.0) ||
      value * unit > 9e18) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "--max-ram ", text, ": expected a size as 2G, 1.5G or 512M")));
  }
  return static_cast<int64_t>(value * unit);
}

absl::StatusOr<CalibrationPlan> PlanCalibratedRun(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const CalibrationArguments& arguments, const CommonOptions& common,
    KernelContext* context) {
  const absl::StatusOr<int64_t> length =
      CalibrationContext(OptionsOf(arguments), model.spec);
  if (!length.ok()) return UsageError(length.status());
  CalibrationNeeds needs;
  needs.tokens = arguments.tokens;
  needs.context = *length;
  needs.stored_statistics = !arguments.statistics.empty();
  OUNCE_ASSIGN_OR_RETURN(needs.max_ram_bytes, ParseBytes(arguments.max_ram));
  // A model that writes is in memory as a whole.
  const bool writes = arguments.text.empty() && !needs.stored_statistics;
  if (writes && needs.max_ram_bytes > 0 &&
      plan.source_bytes > needs.max_ram_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the model takes ", FormatBytes(plan.source_bytes),
        " of memory while it writes its own calibration text, and --max-ram "
        "allows ",
        FormatBytes(needs.max_ram_bytes), "; give --calibrate FILE"));
  }
  OUNCE_ASSIGN_OR_RETURN(
      CalibrationPlan resources,
      PlanCalibration(model.spec, plan, recipe, needs, context));
  Remark(common, absl::StrFormat(
                     "calibrating will take about %s of memory, %s of disk%s "
                     "and %.0f s on %d threads",
                     FormatBytes(resources.memory_bytes),
                     FormatBytes(resources.disk_bytes),
                     resources.spill ? " (activations go to a file)" : "",
                     resources.seconds, context->pool().num_threads()));
  return resources;
}

absl::StatusOr<CompressReport> RunCalibrated(
    const ModelFile& model, const Recipe& recipe, const Plan& plan,
    const CalibrationArguments& arguments, const std::string& output,
    const CommonOptions& common, KernelContext* context) {
  OUNCE_ASSIGN_OR_RETURN(
      const CalibrationPlan resources,
      PlanCalibratedRun(model, recipe, plan, arguments, common, context));
  OUNCE_RETURN_IF_ERROR(CheckDiskSpace(output, resources.disk_bytes));
  OUNCE_ASSIGN_OR_RETURN(const std::optional<Journal> journal,
                         FindJournal(arguments, output, common));
  CalibratedOptions options;
  options.tool_version = std::string(ToolVersion());
  options.resume = journal.has_value() ? &*journal : nullptr;
  // Of a run that has a journal the statistics are complete.
  const bool saves = !arguments.save_statistics.empty();
  const std::string& stored = saves && journal.has_value()
                                  ? arguments.save_statistics
                                  : arguments.statistics;
  Calibration calibration;
  std::unique_ptr<StatisticsFile> statistics;
  if (!stored.empty()) {
    OUNCE_ASSIGN_OR_RETURN(statistics,
                           OpenStatistics(model, arguments, stored));
  } else {
    OUNCE_ASSIGN_OR_RETURN(
        calibration,
        PrepareCalibration(model, arguments, journal, common, context));
    if (saves) {
      OUNCE_ASSIGN_OR_RETURN(
          statistics,
          SaveStatistics({model, plan, calibration, resources},
                         arguments.save_statistics, common, context));
      calibration = Calibration();
    }
  }
  options.statistics = statistics.get();
  ProgressBar bar("compressing", "layers", common);
  options.progress = bar.callback();
  return CompressCalibrated(model, recipe, plan, calibration, resources, output,
                            options, context);
}

std::string CalibrationTables(const CompressReport& report) {
  std::string text;
  if (!report.channel_scales.empty()) {
    std::vector<std::vector<std::string>> rows = {
        {"channels of", "scaled by", "alpha", "block error left"}};
    for (const ChannelScaleReport& line : report.channel_scales) {
      rows.push_back(
          {line.name, line.method,
           line.applied ? absl::StrFormat("%.2f", line.alpha) : "none",
           Percent(line.error_after, line.error_before)});
    }
    absl::StrAppend(&text, FormatTable(rows, {1}), "\n");
  }
  std::vector<const TensorReport*> worst;
  for (const TensorReport& tensor : report.tensors) {
    if (tensor.error_after.has_value() || !tensor.fallback.empty()) {
      worst.push_back(&tensor);
    }
  }
  if (worst.empty()) return text;
  std::stable_sort(worst.begin(), worst.end(),
                   [](const TensorReport* a, const TensorReport* b) {
                     return a->snr_db < b->snr_db;
                   });
  std::vector<std::vector<std::string>> rows = {
      {"worst tensors", "method", "SNR dB", "output error left", "seconds"}};
  for (size_t i = 0; i < std::min(worst.size(), kWorstTensors); ++i) {
    const TensorReport& tensor = *worst[i];
    rows.push_back({tensor.name, tensor.method,
                    absl::StrFormat("%.2f", tensor.snr_db),
                    Percent(tensor.error_after.value_or(0.0),
                            tensor.error_before.value_or(0.0)),
                    absl::StrFormat("%.2f", tensor.seconds)});
  }
  absl::StrAppend(&text, FormatTable(rows, {1}), "\n");
  return text;
}

}  // namespace ounce
