// The rotary part of a config.json.
// Source: modeling_rope_utils of transformers 5.12; YaRN, arXiv:2309.00071;
// LongRoPE, arXiv:2402.13753.
#ifndef OUNCE_MODEL_ARCH_ROTARY_CONFIG_H_
#define OUNCE_MODEL_ARCH_ROTARY_CONFIG_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "model/spec.h"

namespace ounce {

// What the description of a model's rotary positions builds on.
struct RotaryBasis {
  double base = 10000.0;
  double partial = 1.0;  // Share of a head's values that is turned.
  int64_t head_dim = 0;
  int64_t max_context = 0;
  // Positions before scaling where the config does not say; 0: max_context.
  int64_t original_context = 0;
  // Only the part for `layer_type` counts: neither keys of the config itself
  // nor a description without such parts.
  bool part_only = false;
};

// As ConfigReader::Rotary().
// kUnimplemented: a scaling we do not have, with the list we do have;
// kInvalidArgument: a value is missing or of a wrong type.
absl::StatusOr<RotarySpec> ParseRotary(const Json& config,
                                       const RotaryBasis& basis,
                                       absl::string_view layer_type = "");

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_ROTARY_CONFIG_H_
