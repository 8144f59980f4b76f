// Specs from the text of a config.json.
#ifndef OUNCE_TESTS_UTIL_FAMILY_CONFIG_H_
#define OUNCE_TESTS_UTIL_FAMILY_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "model/arch/registry.h"

namespace ounce {

// The spec of a config of `model_type` with `members`, as "\"a\": 1, \"b\": 2".
inline absl::StatusOr<ModelSpec> FamilySpec(const std::string& model_type,
                                            const std::string& members = "") {
  const std::string text =
      absl::StrCat("{\"model_type\": \"", model_type, "\"",
                   members.empty() ? "" : ", ", members, "}");
  absl::StatusOr<Json> config = ParseJson(text);
  if (!config.ok()) return config.status();
  return ParseModelConfig(*config, nullptr);
}

// For each layer 'w' if it is windowed, else '-'.
inline std::string Windows(const ModelSpec& spec) {
  std::string windows;
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    windows += spec.layer_window(layer) > 0 ? 'w' : '-';
  }
  return windows;
}

// For each layer 'g', 'l' or '-' for its rotary angles.
inline std::string Turns(const ModelSpec& spec) {
  std::string turns;
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    const LayerRotary rotary = spec.layer_kind(layer).rotary;
    turns += rotary == LayerRotary::kGlobal  ? 'g'
             : rotary == LayerRotary::kLocal ? 'l'
                                             : '-';
  }
  return turns;
}

// For each layer 'e' if it has experts, else '-'.
inline std::string Experts(const ModelSpec& spec) {
  std::string experts;
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    experts += spec.has_experts(layer) ? 'e' : '-';
  }
  return experts;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_FAMILY_CONFIG_H_
