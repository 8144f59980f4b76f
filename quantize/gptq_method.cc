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

}  // namespace

absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateGptqQuantizer(
    MatrixView<const float> second_moment, const QuantizeOptions& options,
    double damping, KernelContext* context) {
  GptqOptions gptq;
  gptq.damping = damping;
  gptq.act_order = options.act_order;
  gptq.refine_sweeps = options.refine_sweeps;
  OUNCE_ASSIGN_OR_RETURN(GptqSolver solver,
                         GptqSolver::Create(*context, second_moment, gptq));
  return std::make_unique<GptqQuantizer>(std::move(solver));
}

}  // namespace ounce
