#include "model/arch/config_reader.h"

#include <array>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/annotate.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

absl::StatusOr<int32_t> ToTokenId(const Json& value) {
  const std::optional<int64_t> id = value.AsInt();
  if (!id.has_value() || *id < 0 || *id > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        "\"eos_token_id\" holds something that is no token id; expected a "
        "number or a list of numbers, 0 or more");
  }
  return static_cast<int32_t>(*id);
}

absl::Status ParseScaling(const Json& scaling, int64_t max_context,
                          RotarySpec* rotary) {
  OUNCE_ASSIGN_OR_RETURN(const std::string older,
                         scaling.GetStringOr("type", "default"));
  OUNCE_ASSIGN_OR_RETURN(const std::string type,
                         scaling.GetStringOr("rope_type", older));
  if (type == "default") return absl::OkStatus();
  if (type == "linear") {
    rotary->scaling = RotaryScaling::kLinear;
    OUNCE_ASSIGN_OR_RETURN(rotary->factor, scaling.GetDouble("factor"));
    return absl::OkStatus();
  }
  if (type == "llama3") {
    rotary->scaling = RotaryScaling::kLlama3;
    OUNCE_ASSIGN_OR_RETURN(rotary->factor, scaling.GetDouble("factor"));
    OUNCE_ASSIGN_OR_RETURN(rotary->low_freq_factor,
                           scaling.GetDouble("low_freq_factor"));
    OUNCE_ASSIGN_OR_RETURN(rotary->high_freq_factor,
                           scaling.GetDouble("high_freq_factor"));
    OUNCE_ASSIGN_OR_RETURN(
        rotary->original_context,
        scaling.GetIntOr("original_max_position_embeddings", max_context));
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      absl::StrCat("rotary scaling \"", type,
                   "\"; supported are \"default\", \"linear\" and \"llama3\""));
}

}  // namespace

absl::StatusOr<RotarySpec> ParseRotary(const Json& config, double default_base,
                                       int64_t max_context) {
  RotarySpec rotary;
  OUNCE_ASSIGN_OR_RETURN(rotary.base,
                         config.GetDoubleOr("rope_theta", default_base));
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const Json* scaling = config.Find(key);
    if (scaling == nullptr || scaling->is_null()) continue;
    if (scaling->AsObject() == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", key, "\" is of type ", scaling->TypeName(),
                       "; expected an object"));
    }
    OUNCE_ASSIGN_OR_RETURN(rotary.base,
                           scaling->GetDoubleOr("rope_theta", rotary.base));
    OUNCE_RETURN_IF_ERROR(
        Annotate(ParseScaling(*scaling, max_context, &rotary), key));
    break;
  }
  return rotary;
}

absl::StatusOr<ActivationKind> ParseActivation(absl::string_view name) {
  constexpr std::array kNames = {
      std::pair("silu", ActivationKind::kSilu),
      std::pair("swish", ActivationKind::kSilu),
      std::pair("gelu", ActivationKind::kGelu),
      std::pair("gelu_new", ActivationKind::kGeluTanh),
      std::pair("gelu_pytorch_tanh", ActivationKind::kGeluTanh),
      std::pair("relu", ActivationKind::kRelu),
  };
  std::string known;
  for (const auto& [known_name, kind] : kNames) {
    if (name == known_name) return kind;
    absl::StrAppend(&known, known.empty() ? "" : ", ", known_name);
  }
  return absl::UnimplementedError(
      absl::StrCat("activation \"", name, "\"; supported are ", known));
}

absl::StatusOr<std::vector<int32_t>> ParseStopIds(const Json& config) {
  const Json* value = config.Find("eos_token_id");
  std::vector<int32_t> ids;
  if (value == nullptr || value->is_null()) return ids;
  if (const Json::Array* list = value->AsArray()) {
    for (const Json& element : *list) {
      OUNCE_ASSIGN_OR_RETURN(const int32_t id, ToTokenId(element));
      ids.push_back(id);
    }
    return ids;
  }
  OUNCE_ASSIGN_OR_RETURN(const int32_t id, ToTokenId(*value));
  ids.push_back(id);
  return ids;
}

std::vector<std::string> WithOptionalModelPrefix(absl::string_view name) {
  std::vector<std::string> names = {std::string(name)};
  if (absl::ConsumePrefix(&name, "model.")) names.emplace_back(name);
  return names;
}

}  // namespace ounce
