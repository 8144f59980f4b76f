// `ounce compress`: checkpoint in, artifact out.
#include <chrono>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compress/compress.h"
#include "compress/plan.h"
#include "compress/recipe.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/model_file.h"
#include "tools/calibrated_run.h"
#include "tools/command.h"
#include "tools/command_line.h"
#include "tools/loaded_model.h"
#include "tools/terminal.h"

namespace ounce {
namespace {

struct CompressArguments {
  std::string checkpoint;
  std::string output;
  std::string recipe = "int4";
  bool dry_run = false;
  bool strict = false;
  CalibrationArguments calibration;
};

double BitsOf(const TensorPlan& row) {
  const PackedMatrix& matrix = row.tensor->matrix;
  return 8.0 * static_cast<double>(row.bytes) /
         static_cast<double>(matrix.rows * matrix.cols);
}

Json PlanJson(const Plan& plan, double seconds) {
  Json::Array tensors;
  for (const TensorPlan& row : plan.tensors) {
    Json::Array shape(row.tensor->slot.shape.begin(),
                      row.tensor->slot.shape.end());
    tensors.push_back(Json::Of({{"name", row.tensor->slot.name},
                                {"shape", shape},
                                {"method", DescribeTensorPlan(row)},
                                {"codec", GetCodecInfo(row.codec).name},
                                {"group_size", row.group_size},
                                {"bits", BitsOf(row)},
                                {"bytes", row.bytes}}));
  }
  return Json::Of(
      {{"parameters", plan.parameters},
       {"source_bytes", plan.source_bytes},
       {"bytes", plan.bytes},
       {"bits_per_weight", plan.bits_per_weight()},
       {"memory_bytes", plan.memory_bytes},
       {"seconds", seconds},
       {"warnings", Json::Array(plan.warnings.begin(), plan.warnings.end())},
       {"tensors", tensors}});
}

std::string Totals(const Plan& plan) {
  return absl::StrFormat("%d parameters: %s -> %s, %.3f bits per weight",
                         plan.parameters, FormatBytes(plan.source_bytes),
                         FormatBytes(plan.bytes), plan.bits_per_weight());
}

void PrintWarnings(const std::vector<std::string>& warnings,
                   const CommonOptions& common) {
  for (const std::string& warning : warnings) {
    Remark(common, absl::StrCat("warning: ", warning));
  }
}

absl::Status PrintPlan(const Plan& plan, const CommonOptions& common,
                       ThreadPool* pool) {
  OUNCE_ASSIGN_OR_RETURN(const double seconds, EstimateSeconds(plan, pool));
  PrintWarnings(plan.warnings, common);
  if (common.json) {
    std::cout << PlanJson(plan, seconds).Dump(1) << "\n";
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"tensor", "shape", "method", "codec", "bits", "bytes"}};
  for (const TensorPlan& row : plan.tensors) {
    const std::string group =
        row.group_size > 0 ? absl::StrCat(" g", row.group_size) : "";
    rows.push_back({row.tensor->slot.name, ShapeString(row.tensor->slot.shape),
                    DescribeTensorPlan(row),
                    absl::StrCat(GetCodecInfo(row.codec).name, group),
                    absl::StrFormat("%.3f", BitsOf(row)),
                    absl::StrCat(row.bytes)});
  }
  std::cout
      << FormatTable(rows, {1, 2, 3}) << Totals(plan)
      << absl::StrFormat(
             "\nestimates: %s of working memory, %.1f s on %d threads "
             "(timed on a sample; reading and writing files not included)\n",
             FormatBytes(plan.memory_bytes), seconds, pool->num_threads());
  return absl::OkStatus();
}

Json ResultJson(const CompressReport& report, const Plan& plan,
                const std::string& output, double seconds) {
  Json::Array tensors;
  for (size_t i = 0; i < report.tensors.size(); ++i) {
    const TensorPlan& row = plan.tensors[i];
    Json::Object tensor = *TensorReportJson(report.tensors[i]).AsObject();
    tensor.Set("codec", GetCodecInfo(row.codec).name);
    tensor.Set("group_size", row.group_size);
    tensor.Set("bits", BitsOf(row));
    tensor.Set("bytes", row.bytes);
    tensors.push_back(std::move(tensor));
  }
  Json::Array scales;
  for (const ChannelScaleReport& line : report.channel_scales) {
    scales.push_back(ChannelScaleReportJson(line));
  }
  return Json::Of({{"artifact", Json::Of({{"id", report.artifact_id.Hex()}})},
                   {"output", output},
                   {"parameters", plan.parameters},
                   {"bytes", report.file_bytes},
                   {"bits_per_weight", plan.bits_per_weight()},
                   {"seconds", seconds},
                   {"sync_seconds", report.sync_seconds},
                   {"peak_rss_bytes", PeakResidentBytes()},
                   {"warnings", Json::Array(report.warnings.begin(),
                                            report.warnings.end())},
                   {"resumed_layers", report.resumed_layers},
                   {"channel_scales", scales},
                   {"tensors", tensors}});
}

// What pruning reached, tensor by tensor; empty without pruning.
std::string SparsityTable(const CompressReport& report, const Plan& plan) {
  std::vector<std::vector<std::string>> rows = {
      {"pruned tensor", "pruned", "zero as stored"}};
  for (size_t i = 0; i < report.tensors.size(); ++i) {
    if (plan.tensors[i].prune == nullptr) continue;
    const TensorReport& tensor = report.tensors[i];
    rows.push_back({tensor.name,
                    absl::StrFormat("%.2f %%", 100 * tensor.pruned),
                    absl::StrFormat("%.2f %%", 100 * tensor.sparsity)});
  }
  return rows.size() > 1 ? FormatTable(rows) : "";
}

absl::StatusOr<Recipe> Load(const CompressArguments& arguments) {
  absl::StatusOr<Recipe> recipe = LoadRecipe(arguments.recipe);
  if (!recipe.ok()) return UsageError(Annotate(recipe.status(), "--recipe"));
  return recipe;
}

// Every tensor by itself.
absl::StatusOr<CompressReport> RunPlain(const ModelFile& model,
                                        const Recipe& recipe, const Plan& plan,
                                        const std::string& output,
                                        const CommonOptions& common,
                                        ThreadPool* pool) {
  CompressOptions options;
  options.tool_version = std::string(ToolVersion());
  ProgressBar bar("compressing", "bytes", common);
  options.progress = bar.callback();
  return Compress(model, recipe, plan, output, options, pool);
}

// The recipe, if it goes with the other arguments.
absl::StatusOr<Recipe> LoadFitting(const CompressArguments& arguments) {
  if (arguments.output.empty() && !arguments.dry_run) {
    return UsageError(absl::InvalidArgumentError(
        "give the output with -o model.oz, or --dry-run"));
  }
  OUNCE_ASSIGN_OR_RETURN(Recipe recipe, Load(arguments));
  if (arguments.calibration.given() && !recipe.calibrated()) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(
        "recipe ", arguments.recipe,
        " needs no calibration: leave out --calibrate, --calibration-tokens, "
        "--calibration-context, --calibration-seed, --max-ram, --resume, "
        "--stats and --save-stats")));
  }
  OUNCE_RETURN_IF_ERROR(
      CheckStatisticsArguments(arguments.calibration, recipe));
  return recipe;
}

void WarnOfTokenizer(const ModelFile& model, const CommonOptions& common) {
  if (model.tokenizer.kind != TokenizerKind::kNone) return;
  Remark(common,
         absl::StrCat(
             "warning: ", model.path, ": ",
             model.tokenizer.unusable.empty()
                 ? "no tokenizer"
                 : absl::StrCat("the tokenizer ", model.tokenizer.unusable,
                                " is not supported"),
             "; the artifact will run `logits` but take no text"));
}

void PrintResult(const CompressArguments& arguments,
                 const CommonOptions& common, const Plan& plan,
                 const CompressReport& report, double seconds) {
  PrintWarnings(report.warnings, common);
  if (common.json) {
    std::cout << ResultJson(report, plan, arguments.output, seconds).Dump(1)
              << "\n";
    return;
  }
  std::cout << SparsityTable(report, plan) << CalibrationTables(report)
            << Totals(plan) << "\n"
            << absl::StrFormat(
                   "wrote %s: %s; %.2f s to the renamed file less the final "
                   "sync, %.2f s sync; peak memory %s, id %s\n",
                   arguments.output, FormatBytes(report.file_bytes), seconds,
                   report.sync_seconds, FormatBytes(PeakResidentBytes()),
                   report.artifact_id.Hex());
}

absl::StatusOr<ExitCode> Run(const CompressArguments& arguments,
                             const CommonOptions& common) {
  OUNCE_ASSIGN_OR_RETURN(const Recipe recipe, LoadFitting(arguments));
  const auto start = std::chrono::steady_clock::now();
  OUNCE_ASSIGN_OR_RETURN(
      const ModelFile model,
      OpenModel(arguments.checkpoint, {.strict = arguments.strict}));
  WarnOfSurplus(model, common);
  WarnOfTokenizer(model, common);
  OUNCE_ASSIGN_OR_RETURN(const Plan plan,
                         Annotate(MakePlan(model.bound, recipe), model.path));
  OUNCE_ASSIGN_OR_RETURN(const Engine engine, CreateEngine(common));
  if (arguments.dry_run) {
    OUNCE_RETURN_IF_ERROR(
        Annotate(PrintPlan(plan, common, engine.pool.get()), model.path));
    if (recipe.calibrated()) {
      OUNCE_RETURN_IF_ERROR(PlanCalibratedRun(model, recipe, plan,
                                              arguments.calibration, common,
                                              engine.context.get())
                                .status());
    }
    return kExitDone;
  }
  const absl::StatusOr<CompressReport> report =
      recipe.calibrated()
          ? RunCalibrated(model, recipe, plan, arguments.calibration,
                          arguments.output, common, engine.context.get())
          : RunPlain(model, recipe, plan, arguments.output, common,
                     engine.pool.get());
  // Wrong usage stays that, and is not the model's fault.
  if (IsUsageError(report.status())) return report.status();
  if (!report.ok()) return Annotate(report.status(), model.path);
  // Without the sync, whose time says more of the disk than of the work.
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count() -
      report->sync_seconds;
  PrintResult(arguments, common, plan, *report, seconds);
  return kExitDone;
}

void Declare(CommandLine& line, CompressArguments* arguments) {
  line.Positional("CHECKPOINT",
                  "Hugging Face folder of a float model, or .gguf file",
                  &arguments->checkpoint);
  line.Option("-o,--output", "The file to write", &arguments->output);
  line.Option(
      "--recipe",
      absl::StrCat("Built in (", absl::StrJoin(BuiltInRecipeNames(), ", "),
                   ") or a YAML file; default int4"),
      &arguments->recipe);
  line.Flag("--dry-run",
            "Print what would happen to each tensor, sizes, memory and time",
            &arguments->dry_run);
  DeclareCalibration(line, &arguments->calibration);
  line.Flag(
      "--strict",
      "Fail when the checkpoint has tensors the architecture does not know",
      &arguments->strict);
}

}  // namespace

Command CompressCommand() {
  return MakeCommand<CompressArguments>(
      "compress", "Prune and quantise a checkpoint into one .oz file", Declare,
      Run);
}

}  // namespace ounce
