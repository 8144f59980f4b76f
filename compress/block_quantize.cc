#include "compress/block_quantize.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calibrate/input_statistics.h"
#include "compress/damping_ladder.h"
#include "compress/input_groups.h"
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

class BlockQuantizer {
 public:
  BlockQuantizer(BlockStatistics* statistics, int64_t moment_bytes,
                 KernelContext* context, Block* block)
      : statistics_(*statistics),
        moment_bytes_(moment_bytes),
        context_(*context),
        block_(*block) {}

  absl::Status Run() {
    const auto quantized = [](const BlockTensor& tensor) {
      return tensor.plan->quantize != nullptr;
    };
    for (const InputStage& stage : InputStagesOf(quantized, &block_)) {
      size_t begin = 0;
      while (begin < stage.size()) {
        const size_t end = EndOfPart(stage, begin, moment_bytes_);
        OUNCE_RETURN_IF_ERROR(QuantizeGroups(
            absl::MakeConstSpan(stage).subspan(begin, end - begin)));
        begin = end;
      }
    }
    return PackTheRest();
  }

 private:
  absl::Status QuantizeGroups(absl::Span<const InputGroup> groups) {
    std::vector<const InputGroup*> calibrated;
    for (const InputGroup& group : groups) {
      if (NeedsStatistics(group)) {
        calibrated.push_back(&group);
        continue;
      }
      OUNCE_RETURN_IF_ERROR(
          QuantizeGroup(group, absl::FailedPreconditionError("not asked for")));
    }
    if (calibrated.empty()) return absl::OkStatus();
    OUNCE_ASSIGN_OR_RETURN(
        std::vector<absl::StatusOr<InputStatistics>> statistics,
        statistics_.Of(block_, calibrated));
    for (size_t i = 0; i < calibrated.size(); ++i) {
      OUNCE_RETURN_IF_ERROR(QuantizeGroup(*calibrated[i], statistics[i]));
      statistics[i] = InputStatistics();
    }
    return absl::OkStatus();
  }

  absl::Status QuantizeGroup(
      const InputGroup& group,
      const absl::StatusOr<InputStatistics>& statistics) {
    absl::StatusOr<DampedQuantizer> quantizer = absl::UnknownError("");
    const BlockTensor* owner = nullptr;  // For whose options it was made.
    for (BlockTensor* tensor : group) {
      const auto start = std::chrono::steady_clock::now();
      if (tensor->plan->quantize->method->calibrated()) {
        if (owner == nullptr || !SameSetup(*owner, *tensor)) {
          quantizer = CreateQuantizer(*tensor, statistics);
          owner = tensor;
        }
        OUNCE_RETURN_IF_ERROR(Annotate(
            QuantizeTensor(quantizer, statistics, tensor),
            absl::StrCat("tensor '", tensor->plan->tensor->slot.name, "'")));
      } else {
        OUNCE_RETURN_IF_ERROR(PackPlain(tensor->values.view(), tensor));
      }
      if (statistics.ok()) {
        OUNCE_RETURN_IF_ERROR(CorrectBiasOf(*tensor, *statistics));
      }
      if (!statistics_.needs_values()) tensor->values = Matrix();
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
      const BlockTensor& tensor,
      const absl::StatusOr<InputStatistics>& statistics) const {
    OUNCE_RETURN_IF_ERROR(statistics.status());
    return ClimbDampingLadder(*tensor.plan->quantize,
                              statistics->second_moment.view(), &context_);
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
            context_, tensor.values.view(),
            {statistics.second_moment.view(), statistics.drift.view()},
            {options.error_propagation, options.damping}));
    return quantizer.quantizer->Quantize(target.view(), options);
  }

  // With a quantiser there are statistics.
  absl::Status QuantizeTensor(const absl::StatusOr<DampedQuantizer>& quantizer,
                              const absl::StatusOr<InputStatistics>& statistics,
                              BlockTensor* tensor) {
    absl::StatusOr<CalibratedResult> result =
        quantizer.ok() ? QuantizeTarget(*quantizer, *statistics, *tensor)
                       : quantizer.status();
    if (!result.ok()) {
      if (!absl::IsFailedPrecondition(result.status())) return result.status();
      OUNCE_RETURN_IF_ERROR(PackPlain(tensor->values.view(), tensor));
      tensor->report.fallback = std::string(result.status().message());
      return absl::OkStatus();
    }
    const TensorPlan& plan = *tensor->plan;
    std::vector<uint8_t> packed(static_cast<size_t>(plan.bytes));
    GetCodecInfo(plan.codec).pack(result->quantized.weight, packed.data());
    TensorStats stats =
        ComparePacked(plan, tensor->values.view(), packed, &context_.pool());
    stats.tiny_scales = result->quantized.tiny_scales;
    tensor->packed = std::move(packed);
    tensor->report = ReportOf(plan, stats);
    tensor->report.method = quantizer->method;
    tensor->report.fallback.clear();
    tensor->report.error_before = result->error_before;
    tensor->report.error_after = result->error_after;
    return absl::OkStatus();
  }

  // `values` as what is stored of `tensor`, without calibration.
  absl::Status PackPlain(MatrixView<const float> values, BlockTensor* tensor) {
    TensorStats stats;
    OUNCE_ASSIGN_OR_RETURN(tensor->packed, PackRows(*tensor->plan, values,
                                                    &context_.pool(), &stats));
    tensor->report = ReportOf(*tensor->plan, stats);
    return absl::OkStatus();
  }

  // What the rounding of `tensor` takes from the mean of its output goes into
  // its bias as it is packed: its values stay those of the float model.
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
    Matrix corrected = bias->values;
    OUNCE_RETURN_IF_ERROR(CorrectBias({tensor.values.view(), restored.view()},
                                      statistics.mean, corrected.values()));
    return PackPlain(corrected.view(), bias);
  }

  // Vectors, and matrices that stay float.
  absl::Status PackTheRest() {
    for (BlockTensor& tensor : block_.tensors()) {
      if (!tensor.packed.empty()) continue;
      OUNCE_RETURN_IF_ERROR(PackPlain(tensor.values.view(), &tensor));
      if (!statistics_.needs_values()) tensor.values = Matrix();
    }
    return absl::OkStatus();
  }

  BlockStatistics& statistics_;
  const int64_t moment_bytes_;
  KernelContext& context_;
  Block& block_;
};

}  // namespace

absl::Status QuantizeBlock(BlockStatistics* statistics, int64_t moment_bytes,
                           KernelContext* context, Block* block) {
  return BlockQuantizer(statistics, moment_bytes, context, block).Run();
}

absl::Status QuantizeBlock(const BlockRun& run, int64_t moment_bytes,
                           Block* block) {
  LiveStatistics statistics(run);
  return QuantizeBlock(&statistics, moment_bytes, run.context, block);
}

}  // namespace ounce
