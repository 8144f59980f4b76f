// GPTQ (quantize/gptq.h) as methods that a recipe can name.
#ifndef OUNCE_QUANTIZE_GPTQ_METHOD_H_
#define OUNCE_QUANTIZE_GPTQ_METHOD_H_

#include "quantize/quantizer.h"

namespace ounce {

// As CreateCalibratedQuantizer.
absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateGptqQuantizer(
    MatrixView<const float> second_moment, const QuantizeOptions& options,
    double damping, KernelContext* context);

// The same without GPTQ's compensation: the scales of least error, each
// column's weighted by what it costs the output, and every weight rounded to
// nearest. The search of GptqOptions with compensate = false.
absl::StatusOr<std::unique_ptr<CalibratedQuantizer>> CreateScaleSearchQuantizer(
    MatrixView<const float> second_moment, const QuantizeOptions& options,
    double damping, KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_GPTQ_METHOD_H_
