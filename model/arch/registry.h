// The families of architectures.  Adding one is a file beside this one, a line
// in families.h and a row in registry.cc.
#ifndef OUNCE_MODEL_ARCH_REGISTRY_H_
#define OUNCE_MODEL_ARCH_REGISTRY_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/json.h"
#include "model/arch/name_table.h"
#include "model/spec.h"

namespace ounce {

struct Architecture {
  absl::string_view model_type;  // Hugging Face `model_type`.
  // Everything but stop ids.  Absent keys take the family's reference defaults.
  absl::StatusOr<ModelSpec> (*parse_config)(const Json& config);
  NameTable names;  // Of its tensors.
};

absl::Span<const Architecture* const> AllArchitectures();

// kUnimplemented: no family of that `model_type`, with the list we have.
absl::StatusOr<const Architecture*> FindArchitecture(
    absl::string_view model_type);

// The spec of a checkpoint's config.json, with the stop ids of
// `generation_config` (null if the checkpoint has none), else of `config`.
// kInvalidArgument: a value is missing, of a wrong type or out of range, or the
// config has a `quantization_config`; kUnimplemented: an unknown `model_type`,
// activation or rotary scaling.
absl::StatusOr<ModelSpec> ParseModelConfig(const Json& config,
                                           const Json* generation_config);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_REGISTRY_H_
