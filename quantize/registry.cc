#include "quantize/registry.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "quantize/gptq_method.h"
#include "quantize/hqq.h"
#include "quantize/round_to_nearest.h"

namespace ounce {
namespace {

constexpr std::array kMethods = {
    QuantizeMethod{"round_to_nearest", QuantizeRoundToNearest},
    QuantizeMethod{"gptq", QuantizeRoundToNearest, CreateGptqQuantizer,
                   /*rounds_in_order=*/true},
    QuantizeMethod{"scale_search", QuantizeRoundToNearest,
                   CreateScaleSearchQuantizer},
    QuantizeMethod{"hqq", QuantizeHalfQuadratic},
};

}  // namespace

absl::Span<const QuantizeMethod> AllQuantizeMethods() { return kMethods; }

absl::StatusOr<const QuantizeMethod*> FindQuantizeMethod(
    absl::string_view name) {
  std::string known;
  for (const QuantizeMethod& method : kMethods) {
    if (method.name == name) return &method;
    absl::StrAppend(&known, known.empty() ? "" : ", ", method.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "quantisation method \"", name, "\"; expected one of ", known));
}

}  // namespace ounce
