// The quantisation methods a recipe can name.
#ifndef OUNCE_QUANTIZE_REGISTRY_H_
#define OUNCE_QUANTIZE_REGISTRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "quantize/quantizer.h"

namespace ounce {

struct QuantizeMethod {
  absl::string_view name;
  // Quantizes a whole matrix or any part of its rows.  Of methods that need
  // calibration, what they fall back to without it: rounding to nearest.
  absl::StatusOr<QuantizeResult> (*quantize)(MatrixView<const float> weight,
                                             const QuantizeOptions& options);
  CreateCalibratedQuantizer create_calibrated = nullptr;
  // Of these: QuantizeOptions::act_order and refine_sweeps mean something.
  bool rounds_in_order = false;

  bool calibrated() const { return create_calibrated != nullptr; }
};

absl::Span<const QuantizeMethod> AllQuantizeMethods();

// kInvalidArgument: no method of that name, with the list.
absl::StatusOr<const QuantizeMethod*> FindQuantizeMethod(
    absl::string_view name);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_REGISTRY_H_
