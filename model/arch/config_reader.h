// The parts of a config.json that many families share.
#ifndef OUNCE_MODEL_ARCH_CONFIG_READER_H_
#define OUNCE_MODEL_ARCH_CONFIG_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "model/spec.h"

namespace ounce {

// The rotary description of `config`, in the newer style (`rope_parameters`) or
// the older (`rope_theta`, `rope_scaling` with `type` or `rope_type`).
// `max_context` is what llama3 scaling falls back on for its original context.
// kUnimplemented: a scaling we do not have, with the list we do have.
absl::StatusOr<RotarySpec> ParseRotary(const Json& config, double default_base,
                                       int64_t max_context);

// The activation called `name` in a config.  kUnimplemented with the list.
absl::StatusOr<ActivationKind> ParseActivation(absl::string_view name);

// `eos_token_id` as a number or a list of numbers; empty when absent or null.
absl::StatusOr<std::vector<int32_t>> ParseStopIds(const Json& config);

// `name` as it is, and without a leading "model.": checkpoints saved from the
// base model alone lack that prefix.
std::vector<std::string> WithOptionalModelPrefix(absl::string_view name);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_CONFIG_READER_H_
