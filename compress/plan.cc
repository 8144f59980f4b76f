#include "compress/plan.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compress/tensor_pass.h"
#include "core/hash.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// What compensates for rounding would fill the zeros of pruning.
absl::Status CheckPassesAgree(const TensorPlan& plan) {
  if (plan.prune == nullptr || plan.quantize == nullptr ||
      !plan.quantize->method->calibrated()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", plan.tensor->slot.name, "' is pruned and then quantised by ",
      plan.quantize->method->name,
      ", which would fill its zeros; give it method round_to_nearest or hqq"));
}

absl::StatusOr<TensorPlan> PlanTensor(const BoundTensor& tensor,
                                      const Recipe& recipe) {
  const PackedMatrix& matrix = tensor.matrix;
  if (GetCodecInfo(matrix.codec).quantized) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", tensor.slot.name, "' is ", GetCodecInfo(matrix.codec).name,
        " already; compress the float checkpoint it was made from"));
  }
  TensorPlan plan;
  plan.tensor = &tensor;
  // Artifacts hold no blocks of other programs.
  plan.codec = IsForeign(matrix.codec) ? Codec::kF32 : matrix.codec;
  if (IsCompressible(tensor.slot.role)) {
    plan.prune = MatchRule(recipe.prune, tensor.slot.name);
    plan.quantize = MatchRule(recipe.quantize, tensor.slot.name);
    if (plan.quantize != nullptr && plan.quantize->method == nullptr) {
      plan.quantize = nullptr;
    }
    OUNCE_RETURN_IF_ERROR(CheckPassesAgree(plan));
  }
  if (plan.quantize != nullptr) {
    plan.codec = plan.quantize->options.codec;
    plan.group_size = plan.quantize->options.group_size;
  } else if (recipe.calibrated() && LayerOf(tensor.slot.name).has_value()) {
    // Scaled or corrected, it is no number of its own type any more.
    plan.codec = Codec::kF32;
  }
  OUNCE_ASSIGN_OR_RETURN(plan.bytes, PackedBytes(plan.codec, matrix.rows,
                                                 matrix.cols, plan.group_size));
  return plan;
}

// One sentence for each rule that matches no matrix: most likely a slip of the
// pen.
template <typename Rule>
std::vector<std::string> IdleRules(const std::vector<Rule>& rules,
                                   absl::string_view what,
                                   const BoundTensors& bound) {
  std::vector<std::string> idle;
  for (const Rule& rule : rules) {
    const bool any =
        std::any_of(bound.tensors.begin(), bound.tensors.end(),
                    [&](const BoundTensor& tensor) {
                      return IsCompressible(tensor.slot.role) &&
                             MatchRule(absl::MakeConstSpan(&rule, 1),
                                       tensor.slot.name) != nullptr;
                    });
    if (any) continue;
    idle.push_back(absl::StrCat("the ", what, " rule for '",
                                absl::StrJoin(rule.tensors, "', '"),
                                "' matches no matrix of this model; see its "
                                "names with `ounce inspect`"));
  }
  return idle;
}

// One sentence when matrices are to be quantised that have few bits already.
std::vector<std::string> RequantizationWarnings(const Plan& plan) {
  int64_t count = 0;
  for (const TensorPlan& row : plan.tensors) {
    if (row.quantize != nullptr && IsForeign(row.tensor->matrix.codec)) ++count;
  }
  if (count == 0) return {};
  return {absl::StrCat(count,
                       " matrices have been quantised before: what that cost "
                       "comes on top; compress the float checkpoint if there "
                       "is one")};
}

}  // namespace

double Plan::bits_per_weight() const {
  return 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters);
}

absl::StatusOr<Plan> MakePlan(const BoundTensors& bound, const Recipe& recipe) {
  const std::vector<std::string> idle = IdleRules(recipe.prune, "prune", bound);
  if (!idle.empty()) return absl::InvalidArgumentError(idle.front());
  Plan plan;
  plan.warnings = IdleRules(recipe.quantize, "quantize", bound);
  for (const BoundTensor& tensor : bound.tensors) {
    OUNCE_ASSIGN_OR_RETURN(TensorPlan row, PlanTensor(tensor, recipe));
    plan.parameters += tensor.matrix.rows * tensor.matrix.cols;
    plan.source_bytes += tensor.matrix.bytes;
    plan.bytes += row.bytes;
    plan.memory_bytes =
        std::max(plan.memory_bytes, TensorPass::MemoryBytes(row));
    plan.tensors.push_back(row);
  }
  for (std::string& warning : RequantizationWarnings(plan)) {
    plan.warnings.push_back(std::move(warning));
  }
  return plan;
}

std::string DescribeTensorPlan(const TensorPlan& plan) {
  std::string text;
  if (plan.quantize == nullptr) {
    text = "float";
  } else {
    const QuantizeOptions& options = plan.quantize->options;
    text = absl::StrCat(
        plan.quantize->method->name,
        options.scale == ScaleMethod::kAbsMax ? ", absmax" : ", least_squares");
  }
  if (plan.prune != nullptr) {
    absl::StrAppend(&text, ", ", plan.prune->method->name, " ",
                    plan.prune->sparsity,
                    plan.prune->global ? " global" : " per tensor");
  }
  return text;
}

namespace {

// Seconds per weight, from hashing and compressing one panel of the largest
// tensor that the rule of `kind` applies to.
absl::StatusOr<double> TimeSample(const Plan& plan, const QuantizeRule* kind,
                                  ThreadPool* pool) {
  const TensorPlan* sample = nullptr;
  for (const TensorPlan& row : plan.tensors) {
    if (row.quantize != kind) continue;
    if (sample == nullptr || row.bytes > sample->bytes) sample = &row;
  }
  const PackedMatrix& matrix = sample->tensor->matrix;
  const int64_t rows =
      std::min(matrix.rows, TensorPass::PanelRows(matrix.cols));
  TensorPass pass(pool);
  double seconds = 0.0;
  // Twice: the first run pays for memory and cold pages.
  for (int run = 0; run < 2; ++run) {
    absl::Span<const uint8_t> packed;
    TensorStats stats;
    Sha256Stream hash;
    pass.AddTask([&] {
      const int64_t bytes = matrix.bytes / matrix.rows * rows;
      hash.Update({matrix.data, static_cast<size_t>(bytes)});
    });
    const auto start = std::chrono::steady_clock::now();
    OUNCE_RETURN_IF_ERROR(pass.Run(*sample, 0, rows, nullptr, &packed, &stats));
    seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }
  return seconds / static_cast<double>(rows * matrix.cols);
}

}  // namespace

absl::StatusOr<double> EstimateSeconds(const Plan& plan, ThreadPool* pool) {
  absl::flat_hash_map<const QuantizeRule*, double> rates;
  double seconds = 0.0;
  for (const TensorPlan& row : plan.tensors) {
    auto rate = rates.find(row.quantize);
    if (rate == rates.end()) {
      OUNCE_ASSIGN_OR_RETURN(const double sample,
                             TimeSample(plan, row.quantize, pool));
      rate = rates.emplace(row.quantize, sample).first;
    }
    const PackedMatrix& matrix = row.tensor->matrix;
    seconds += rate->second * static_cast<double>(matrix.rows * matrix.cols);
  }
  return seconds;
}

}  // namespace ounce
