#include "compress/statistics_pass.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "calibrate/layer_inputs.h"
#include "compress/float_pass.h"
#include "compress/head_pass.h"
#include "compress/input_groups.h"
#include "compress/plan_parts.h"
#include "compress/statistics_file.h"
#include "core/status_macros.h"
#include "model/tensor_table.h"

namespace ounce {
namespace {

std::vector<std::string> ReadersOf(const InputGroup& group) {
  std::vector<std::string> readers;
  for (const BlockTensor* tensor : group) {
    readers.push_back(tensor->plan->tensor->slot.name);
  }
  return readers;
}

// Those of all inputs of a block that the plan calibrates some matrix on.
std::vector<InputGroup> WantedOf(Block* block) {
  std::vector<InputGroup> wanted;
  const auto any = [](const BlockTensor&) { return true; };
  for (InputStage& stage : InputStagesOf(any, block)) {
    for (InputGroup& group : stage) {
      if (NeedsStatistics(group)) wanted.push_back(std::move(group));
    }
  }
  return wanted;
}

class StatisticsPass {
 public:
  StatisticsPass(const StatisticsInput& input, const StatisticsOptions& options,
                 KernelContext* context)
      : model_(input.model),
        plan_(input.plan),
        calibration_(input.calibration),
        resources_(input.resources),
        options_(options),
        context_(*context),
        parts_(DividePlan(input.plan)) {}

  absl::Status Run(const std::string& path) {
    const TensorPlan* head = nullptr;
    for (const TensorPlan& row : plan_.tensors) {
      if (IsCalibratedHead(model_.spec, row)) head = &row;
    }
    OUNCE_ASSIGN_OR_RETURN(
        writer_, StatisticsWriter::Create(path, Origin(), MostInputs()));
    const FloatPass pass = {
        model_, parts_, calibration_,
        resources_.spill ? absl::StrCat(path, ".activations") : "", &context_};
    OUNCE_ASSIGN_OR_RETURN(
        const InputStatistics states,
        RunFloatModel(
            pass, /*final_states=*/head != nullptr,
            [this](const LayerRun& run, Block* block, ActivationStore* stream) {
              return Advance(run, block, stream);
            }));
    if (head != nullptr) {
      OUNCE_RETURN_IF_ERROR(writer_->Add({head->tensor->slot.name}, states));
    }
    return writer_->Finish();
  }

 private:
  StatisticsOrigin Origin() const {
    StatisticsOrigin origin;
    origin.tool_version = options_.tool_version;
    origin.sources = options_.sources;
    origin.calibration = SourceOf(calibration_);
    origin.token_limit = calibration_.options.tokens;
    return origin;
  }

  // As if each matrix had an input of its own.
  std::vector<std::vector<std::string>> MostInputs() const {
    std::vector<std::vector<std::string>> inputs;
    for (const TensorPlan& row : plan_.tensors) {
      if (IsCompressible(row.tensor->slot.role)) {
        inputs.push_back({row.tensor->slot.name});
      }
    }
    return inputs;
  }

  absl::Status Advance(const LayerRun& run, Block* block,
                       ActivationStore* stream) {
    const std::vector<InputGroup> wanted = WantedOf(block);
    size_t begin = 0;
    do {
      const size_t end = EndOfPart(wanted, begin, resources_.moment_bytes);
      OUNCE_RETURN_IF_ERROR(CollectPart(
          run, absl::MakeConstSpan(wanted).subspan(begin, end - begin),
          end == wanted.size() ? stream : nullptr));
      begin = end;
    } while (begin < wanted.size());
    ReportProgress(options_.progress, run.index + 1,
                   static_cast<int64_t>(parts_.layers.size()));
    return absl::OkStatus();
  }

  // `outputs` of the last part: the layer runs to its end.
  absl::Status CollectPart(const LayerRun& run,
                           absl::Span<const InputGroup> groups,
                           ActivationStore* outputs) {
    std::vector<SharedInput> wanted;
    bool moments = false;
    for (const InputGroup& group : groups) {
      moments |= NeedsMoment(group);
      wanted.push_back(SharedInputOf(group));
    }
    OUNCE_ASSIGN_OR_RETURN(
        std::vector<InputStatistics> statistics,
        outputs == nullptr ? CollectInputs(run, wanted, moments)
                           : CollectAndAdvance(run, wanted, moments, outputs));
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!NeedsMoment(groups[i])) statistics[i].second_moment = Matrix();
      OUNCE_RETURN_IF_ERROR(writer_->Add(ReadersOf(groups[i]), statistics[i]));
      statistics[i] = {};
    }
    return absl::OkStatus();
  }

  const ModelFile& model_;
  const Plan& plan_;
  const Calibration& calibration_;
  const CalibrationPlan& resources_;
  const StatisticsOptions& options_;
  KernelContext& context_;
  const PlanParts parts_;
  std::unique_ptr<StatisticsWriter> writer_;
};

}  // namespace

absl::Status CheckNeedsOnlyStatistics(const Recipe& recipe) {
  if (!recipe.channel_scales.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the recipe's channel_scales (",
        ChannelScaleName(recipe.channel_scales.front()),
        ") are searched on the activations themselves, which files of "
        "statistics do not hold; leave out channel_scales, or --stats and "
        "--save-stats"));
  }
  for (const QuantizeRule& rule : recipe.quantize) {
    if (rule.options.error_propagation == 0.0) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the recipe's error_propagation (", rule.options.error_propagation,
        " of \"", rule.tensors.front(),
        "\") compares the activations of the compressed model with the float "
        "model's, which files of statistics do not hold; leave out "
        "error_propagation, or --stats and --save-stats"));
  }
  return absl::OkStatus();
}

int64_t StatisticsBytes(const ModelSpec& spec, const Plan& plan) {
  int64_t bytes = 0;
  for (const TensorPlan& row : plan.tensors) {
    if (row.quantize == nullptr || !row.quantize->method->calibrated()) {
      continue;
    }
    const bool read = LayerOf(row.tensor->slot.name).has_value() ||
                      IsCalibratedHead(spec, row);
    // Of those that share an input all but one are too many.
    if (read) bytes += SecondMomentBytes(row.tensor->matrix.cols);
  }
  return bytes;
}

absl::Status CollectStatistics(const StatisticsInput& input,
                               const std::string& path,
                               const StatisticsOptions& options,
                               KernelContext* context) {
  return StatisticsPass(input, options, context).Run(path);
}

}  // namespace ounce
