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

std::string Percent(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.1f %%", 100 * part / whole) : "";
}

}  // namespace

bool CalibrationArguments::given() const {
  const CalibrationArguments defaults;
  return !text.empty() || tokens != defaults.tokens ||
         context != defaults.context || seed != defaults.seed ||
         !max_ram.empty() || resume;
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
  OUNCE_ASSIGN_OR_RETURN(needs.max_ram_bytes, ParseBytes(arguments.max_ram));
  // A model that writes is in memory as a whole.
  if (arguments.text.empty() && needs.max_ram_bytes > 0 &&
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
  OUNCE_ASSIGN_OR_RETURN(
      const Calibration calibration,
      PrepareCalibration(model, arguments, journal, common, context));
  CalibratedOptions options;
  options.tool_version = std::string(ToolVersion());
  options.resume = journal.has_value() ? &*journal : nullptr;
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
