#include "quantize/gptq_method.h"

#include <utility>

#include "core/status_macros.h"
#include "quantize/gptq.h"

namespace ounce {
namespace {

class GptqQuantizer : public CalibratedQuantizer {
 public:
  explicit GptqQuantizer(GptqSolver solver) : solver_(std::move(solver)) {}

  absl::StatusOr<CalibratedResult> Quantize(
      MatrixView<const float> weight, const QuantizeOptions& options) override {
    OUNCE_ASSIGN_OR_RETURN(GptqResult result,
                           solver_.Quantize(weight, options));
    return CalibratedResult{std::move(result.quantized), result.error_before,
                            result.error_after};
  }

 private:
  const GptqSolver solver_;
};

class ScaleSearchQuantizer : public CalibratedQuantizer {
 public:
  explicit ScaleSearchQuantizer(std::unique_ptr<CalibratedQuantizer> solver)
      : solver_(std::move(solver)) {}

  absl::StatusOr<CalibratedResult> Quantize(
      MatrixView<const float> weight, const QuantizeOptions& options) override {
    QuantizeOptions searched = options;
    searched.scale = ScaleMethod::kLeastSquares;
    return solver_->Quantize(weight, searched);
  }

 private:
  const std::unique_ptr<CalibratedQuantizer> solver_;
};

absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> Create(
    MatrixView<const float> second_moment, const GptqOptions& options,
    KernelContext* context) {
  OUNCE_ASSIGN_OR_RETURN(GptqSolver solver,
                         GptqSolver::Create(*context, second_moment, options));
  return std::make_unique<GptqQuantizer>(std::move(solver));
}

}  // namespace

absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateGptqQuantizer(
    MatrixView<const float> second_moment, const QuantizeOptions& options,
    double damping, KernelContext* context) {
  GptqOptions gptq;
  gptq.damping = damping;
  gptq.act_order = options.act_order;
  gptq.refine_sweeps = options.refine_sweeps;
  return Create(second_moment, gptq, context);
}

absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateScaleSearchQuantizer(
    MatrixView<const float> second_moment, const QuantizeOptions&,
    double damping, KernelContext* context) {
  GptqOptions gptq;
  gptq.damping = damping;
  gptq.compensate = false;
  OUNCE_ASSIGN_OR_RETURN(std::unique_ptr<CalibratedQuantizer> solver,
                         Create(second_moment, gptq, context));
  return std::make_unique<ScaleSearchQuantizer>(std::move(solver));
}

}  // namespace ounce
