#include "compress/block_quantize.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calibrate/input_statistics.h"
#include "calibrate/layer_inputs.h"
#include "compress/damping_ladder.h"
#include "core/annotate.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "quantize/bias_correction.h"
#include "quantize/error_propagation.h"

namespace ounce {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// Matrices that read one input.
using Group = std::vector<BlockTensor*>;
// Groups whose inputs are known once all stages before are done.
using Stage = std::vector<Group>;

void AddGroup(std::initializer_list<const LinearWeights*> matrices,
              Block* block, Stage* stage) {
  Group group;
  for (const LinearWeights* linear : matrices) {
    BlockTensor* tensor = block->FindData(linear->weight.data);
    if (tensor != nullptr && tensor->plan->quantize != nullptr) {
      group.push_back(tensor);
    }
  }
  if (!group.empty()) stage->push_back(std::move(group));
}

std::vector<Stage> StagesOf(const LayerWeights& layer, Block* block) {
  std::vector<Stage> stages(4);
  AddGroup({&layer.query, &layer.key, &layer.value}, block, &stages[0]);
  AddGroup({&layer.output}, block, &stages[1]);
  const auto add_ffn = [&](const FeedForwardWeights& ffn) {
    AddGroup({&ffn.gate, &ffn.up}, block, &stages[2]);
    AddGroup({&ffn.down}, block, &stages[3]);
  };
  if (layer.experts == nullptr) {
    add_ffn(layer.ffn);
    return stages;
  }
  for (const FeedForwardWeights& expert : layer.experts->experts) {
    add_ffn(expert);
  }
  add_ffn(layer.experts->shared);
  return stages;
}

bool NeedsMoment(const Group& group) {
  return std::any_of(group.begin(), group.end(), [](const BlockTensor* t) {
    return t->plan->quantize->method->calibrated();
  });
}

bool NeedsStatistics(const Group& group) {
  return NeedsMoment(group) ||
         std::any_of(group.begin(), group.end(), [](const BlockTensor* t) {
           return t->plan->quantize->bias_correction;
         });
}

class BlockQuantizer {
 public:
  BlockQuantizer(const BlockRun& run, int64_t moment_bytes, Block* block)
      : run_(run), moment_bytes_(moment_bytes), block_(*block) {}

  absl::Status Run() {
    for (const Stage& stage : StagesOf(block_.Arrange(), &block_)) {
      size_t begin = 0;
      while (begin < stage.size()) {
        const size_t end = EndOfPart(stage, begin);
        OUNCE_RETURN_IF_ERROR(QuantizeGroups(
            absl::MakeConstSpan(stage).subspan(begin, end - begin)));
        begin = end;
      }
    }
    return PackTheRest();
  }

 private:
  // Groups from `begin` on whose second moments fit.
  size_t EndOfPart(const Stage& stage, size_t begin) const {
    int64_t bytes = 0;
    size_t end = begin;
    for (; end < stage.size(); ++end) {
      if (NeedsMoment(stage[end])) {
        bytes += SecondMomentBytes(stage[end].front()->values.cols());
      }
      if (end > begin && bytes > moment_bytes_) break;
    }
    return end;
  }

  absl::Status QuantizeGroups(absl::Span<const Group> groups) {
    std::vector<const Group*> calibrated;
    std::vector<SharedInput> wanted;
    bool moments = false;
    for (const Group& group : groups) {
      if (!NeedsStatistics(group)) {
        OUNCE_RETURN_IF_ERROR(QuantizeGroup(group, {}, absl::OkStatus()));
        continue;
      }
      moments |= NeedsMoment(group);
      calibrated.push_back(&group);
      SharedInput& shared = wanted.emplace_back();
      for (const BlockTensor* tensor : group) shared.push_back(tensor->data());
    }
    if (calibrated.empty()) return absl::OkStatus();
    const LayerWeights layer = block_.Arrange();
    LayerRun run = {run_.executor, run_.context, &layer, block_.layer(),
                    run_.inputs};
    LayerWeights float_layer;
    if (run_.float_inputs != nullptr) {
      float_layer = block_.ArrangeFloat();
      run.float_layer = &float_layer;
      run.float_inputs = run_.float_inputs;
    }
    OUNCE_ASSIGN_OR_RETURN(std::vector<InputStatistics> statistics,
                           CollectInputs(run, wanted, moments));
    for (size_t i = 0; i < calibrated.size(); ++i) {
      OUNCE_RETURN_IF_ERROR(QuantizeGroup(*calibrated[i], statistics[i],
                                          CheckStatistics(statistics[i])));
      statistics[i] = {};
    }
    return absl::OkStatus();
  }

  absl::Status QuantizeGroup(const Group& group,
                             const InputStatistics& statistics,
                             const absl::Status& usable) {
    absl::StatusOr<DampedQuantizer> quantizer = absl::UnknownError("");
    const BlockTensor* owner = nullptr;  // For whose options it was made.
    for (BlockTensor* tensor : group) {
      const auto start = std::chrono::steady_clock::now();
      if (tensor->plan->quantize->method->calibrated()) {
        if (owner == nullptr || !SameSetup(*owner, *tensor)) {
          quantizer = CreateQuantizer(*tensor, statistics, usable);
          owner = tensor;
        }
        OUNCE_RETURN_IF_ERROR(
            Annotate(QuantizeTensor(quantizer, statistics, tensor),
                     absl::StrCat("tensor '", tensor->plan->tensor->slot.name,
                                  "'")));
      } else {
        OUNCE_RETURN_IF_ERROR(PackPlain(tensor));
      }
      if (usable.ok()) {
        OUNCE_RETURN_IF_ERROR(CorrectBiasOf(*tensor, statistics));
      }
      if (run_.float_inputs == nullptr) tensor->values = Matrix();
      tensor->report.seconds = SecondsSince(start);
    }
    return absl::OkStatus();
  }

  static bool SameSetup(const BlockTensor& a, const BlockTensor& b) {
    const QuantizeRule& x = *a.plan->quantize;
    const QuantizeRule& y = *b.plan->quantize;
    return x.method == y.method && x.options.damping == y.options.damping &&
           x.options.act_order == y.options.act_order &&
           x.options.refine_sweeps == y.options.refine_sweeps;
  }

  absl::StatusOr<DampedQuantizer> CreateQuantizer(
      const BlockTensor& tensor, const InputStatistics& statistics,
      const absl::Status& usable) const {
    OUNCE_RETURN_IF_ERROR(usable);
    return ClimbDampingLadder(*tensor.plan->quantize,
                              statistics.second_moment.view(), run_.context);
  }

  // What is rounded: the weights, or what makes up for the errors of their
  // input.
  absl::StatusOr<CalibratedResult> QuantizeTarget(
      const DampedQuantizer& quantizer, const InputStatistics& statistics,
      const BlockTensor& tensor) const {
    const QuantizeOptions& options = tensor.plan->quantize->options;
    if (options.error_propagation == 0.0 || statistics.drift.rows() == 0) {
      return quantizer.quantizer->Quantize(tensor.values.view(), options);
    }
    OUNCE_ASSIGN_OR_RETURN(
        const Matrix target,
        PropagateError(
            *run_.context, tensor.values.view(),
            {statistics.second_moment.view(), statistics.drift.view()},
            {options.error_propagation, options.damping}));
    return quantizer.quantizer->Quantize(target.view(), options);
  }

  absl::Status QuantizeTensor(const absl::StatusOr<DampedQuantizer>& quantizer,
                              const InputStatistics& statistics,
                              BlockTensor* tensor) {
    absl::StatusOr<CalibratedResult> result =
        quantizer.ok() ? QuantizeTarget(*quantizer, statistics, *tensor)
                       : quantizer.status();
    if (!result.ok()) {
      if (!absl::IsFailedPrecondition(result.status())) return result.status();
      OUNCE_RETURN_IF_ERROR(PackPlain(tensor));
      tensor->report.fallback = std::string(result.status().message());
      return absl::OkStatus();
    }
    const TensorPlan& plan = *tensor->plan;
    std::vector<uint8_t> packed(static_cast<size_t>(plan.bytes));
    GetCodecInfo(plan.codec).pack(result->quantized.weight, packed.data());
    TensorStats stats = ComparePacked(plan, tensor->values.view(), packed,
                                      &run_.context->pool());
    stats.tiny_scales = result->quantized.tiny_scales;
    tensor->packed = std::move(packed);
    tensor->report = ReportOf(plan, stats);
    tensor->report.method = quantizer->method;
    tensor->report.fallback.clear();
    tensor->report.error_before = result->error_before;
    tensor->report.error_after = result->error_after;
    return absl::OkStatus();
  }

  // Without calibration.
  absl::Status PackPlain(BlockTensor* tensor) {
    TensorStats stats;
    OUNCE_ASSIGN_OR_RETURN(
        tensor->packed,
        PackRows(*tensor->plan, tensor->values.view(),
                 &run_.context->pool(), &stats));
    tensor->report = ReportOf(*tensor->plan, stats);
    return absl::OkStatus();
  }

  // What the rounding of `tensor` takes from the mean of its output goes into
  // its bias, which is packed last.
  absl::Status CorrectBiasOf(const BlockTensor& tensor,
                             const InputStatistics& statistics) {
    const absl::string_view name = tensor.plan->tensor->slot.name;
    BlockTensor* bias = block_.Find(absl::StrCat(
        name.substr(0, name.size() - absl::string_view("weight").size()),
        "bias"));
    if (!tensor.plan->quantize->bias_correction || bias == nullptr) {
      return absl::OkStatus();
    }
    Matrix restored(tensor.values.rows(), tensor.values.cols());
    const PackedMatrix matrix = tensor.matrix();
    GetCodecInfo(matrix.codec)
        .unpack_rows(matrix, 0, matrix.rows, restored.row(0));
    return CorrectBias({tensor.values.view(), restored.view()},
                       statistics.mean, bias->values.values());
  }

  // Vectors, and matrices that stay float.
  absl::Status PackTheRest() {
    for (BlockTensor& tensor : block_.tensors()) {
      if (!tensor.packed.empty()) continue;
      OUNCE_RETURN_IF_ERROR(PackPlain(&tensor));
      if (run_.float_inputs == nullptr) tensor.values = Matrix();
    }
    return absl::OkStatus();
  }

  const BlockRun run_;
  const int64_t moment_bytes_;
  Block& block_;
};

}  // namespace

absl::Status QuantizeBlock(const BlockRun& run, int64_t moment_bytes,
                           Block* block) {
  return BlockQuantizer(run, moment_bytes, block).Run();
}

}  // namespace ounce
