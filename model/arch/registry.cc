#include "model/arch/registry.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "model/arch/config_reader.h"
#include "model/arch/encoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

constexpr const Architecture* kArchitectures[] = {
    &kLlama,      &kMistral,  &kMixtral,    &kQwen2,      &kQwen3,
    &kQwen2Moe,   &kQwen3Moe, &kGranite,    &kOlmo2,      &kSmolLm3,
    &kGemma,      &kGemma2,   &kGemma3Text, &kPhi,        &kPhi3,
    &kStarCoder2, &kGpt2,     &kGptJ,       &kGptNeoX,    &kOpt,
    &kBloom,      &kFalcon,   &kBert,       &kRoberta,    &kXlmRoberta,
    &kDistilBert, &kAlbert,   &kElectra,    &kModernBert, &kT5,
    &kMt5,        &kMarian,   &kBart,       &kMbart,
};

}  // namespace

absl::Span<const Architecture* const> AllArchitectures() {
  return kArchitectures;
}

absl::StatusOr<const Architecture*> FindArchitecture(
    absl::string_view model_type) {
  std::string known;
  for (const Architecture* architecture : kArchitectures) {
    if (architecture->model_type == model_type) return architecture;
    absl::StrAppend(&known, known.empty() ? "" : ", ",
                    architecture->model_type);
  }
  return absl::UnimplementedError(
      absl::StrCat("model_type \"", model_type, "\"; supported are ", known));
}

absl::StatusOr<ModelSpec> ParseModelConfig(const Json& config,
                                           const Json* generation_config) {
  if (config.AsObject() == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "config is of type ", config.TypeName(), "; expected an object"));
  }
  const Json* quantized = config.Find("quantization_config");
  if (quantized != nullptr && !quantized->is_null()) {
    return absl::InvalidArgumentError(
        "config has a \"quantization_config\": its weights are quantised "
        "already; use the float checkpoint it was made from");
  }
  OUNCE_ASSIGN_OR_RETURN(const std::string model_type,
                         config.GetString("model_type"));
  OUNCE_ASSIGN_OR_RETURN(const Architecture* const architecture,
                         FindArchitecture(model_type));
  OUNCE_ASSIGN_OR_RETURN(ModelSpec spec, architecture->parse_config(config));
  spec.architecture = model_type;
  if (generation_config != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(spec.stop_ids, ParseStopIds(*generation_config));
  }
  if (spec.stop_ids.empty()) {
    OUNCE_ASSIGN_OR_RETURN(spec.stop_ids, ParseStopIds(config));
  }
  if (spec.has_encoder()) {
    OUNCE_ASSIGN_OR_RETURN(spec.generation,
                           ParseGeneration(config, generation_config));
  }
  OUNCE_RETURN_IF_ERROR(CheckSpec(spec));
  return spec;
}

}  // namespace ounce
