#include "model/arch/rotary_config.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Where the values of one scaling are: its own object, then the config.
struct Scaling {
  const Json& values;
  const Json& config;
  const RotaryBasis& basis;
};

absl::Status ParseFactor(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_ASSIGN_OR_RETURN(rotary->factor, scaling.values.GetDouble("factor"));
  return absl::OkStatus();
}

// The config's own value counts before the scaling's.
absl::StatusOr<int64_t> OriginalContext(const Scaling& scaling) {
  constexpr absl::string_view kKey = "original_max_position_embeddings";
  if (scaling.basis.original_context > 0) {
    return scaling.config.GetIntOr(kKey, scaling.basis.original_context);
  }
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t of_values,
      scaling.values.GetIntOr(kKey, scaling.basis.max_context));
  return scaling.config.GetIntOr(kKey, of_values);
}

absl::Status ParseLlama3(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_RETURN_IF_ERROR(ParseFactor(scaling, rotary));
  OUNCE_ASSIGN_OR_RETURN(rotary->low_freq_factor,
                         scaling.values.GetDouble("low_freq_factor"));
  OUNCE_ASSIGN_OR_RETURN(rotary->high_freq_factor,
                         scaling.values.GetDouble("high_freq_factor"));
  OUNCE_ASSIGN_OR_RETURN(rotary->original_context, OriginalContext(scaling));
  return absl::OkStatus();
}

absl::Status ParseDynamic(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_RETURN_IF_ERROR(ParseFactor(scaling, rotary));
  rotary->original_context = scaling.basis.max_context;
  return absl::OkStatus();
}

// `factor`, or how often the original context fits the model's.
absl::StatusOr<double> ContextFactor(const Scaling& scaling,
                                     int64_t original_context) {
  const double ratio = static_cast<double>(scaling.basis.max_context) /
                       static_cast<double>(original_context);
  return scaling.values.GetDoubleOr("factor", ratio);
}

// How much larger scores get in a context `factor` times as long.
double YarnScale(double factor, double weight) {
  return factor <= 1.0 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

absl::StatusOr<double> YarnAttentionFactor(const Json& values, double factor) {
  OUNCE_ASSIGN_OR_RETURN(const double weight,
                         values.GetDoubleOr("mscale", 0.0));
  OUNCE_ASSIGN_OR_RETURN(const double weight_all,
                         values.GetDoubleOr("mscale_all_dim", 0.0));
  const double usual =
      weight != 0.0 && weight_all != 0.0
          ? YarnScale(factor, weight) / YarnScale(factor, weight_all)
          : YarnScale(factor, 1.0);
  return values.GetDoubleOr("attention_factor", usual);
}

absl::Status ParseYarn(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_ASSIGN_OR_RETURN(rotary->original_context, OriginalContext(scaling));
  if (rotary->original_context < 1) return absl::OkStatus();  // See CheckSpec.
  OUNCE_ASSIGN_OR_RETURN(rotary->factor,
                         ContextFactor(scaling, rotary->original_context));
  OUNCE_ASSIGN_OR_RETURN(rotary->beta_fast,
                         scaling.values.GetDoubleOr("beta_fast", 32.0));
  OUNCE_ASSIGN_OR_RETURN(rotary->beta_slow,
                         scaling.values.GetDoubleOr("beta_slow", 1.0));
  OUNCE_ASSIGN_OR_RETURN(rotary->truncate,
                         scaling.values.GetBoolOr("truncate", true));
  OUNCE_ASSIGN_OR_RETURN(rotary->attention_factor,
                         YarnAttentionFactor(scaling.values, rotary->factor));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> Factors(const Json& values,
                                            absl::string_view key) {
  const Json* list = values.Find(key);
  if (list == nullptr || list->AsArray() == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key,
                     "\" is missing or no array; expected a factor "
                     "for each pair of rotary values"));
  }
  std::vector<double> factors;
  for (const Json& element : *list->AsArray()) {
    const std::optional<double> factor = element.AsDouble();
    if (!factor.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", key, "\" holds a value of type ",
                       element.TypeName(), "; expected numbers alone"));
    }
    factors.push_back(*factor);
  }
  return factors;
}

absl::Status ParseLongRope(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_ASSIGN_OR_RETURN(rotary->original_context, OriginalContext(scaling));
  if (rotary->original_context < 1) return absl::OkStatus();  // See CheckSpec.
  OUNCE_ASSIGN_OR_RETURN(rotary->short_factors,
                         Factors(scaling.values, "short_factor"));
  OUNCE_ASSIGN_OR_RETURN(rotary->long_factors,
                         Factors(scaling.values, "long_factor"));
  const double original = static_cast<double>(rotary->original_context);
  OUNCE_ASSIGN_OR_RETURN(const double factor,
                         ContextFactor(scaling, rotary->original_context));
  const double usual =
      factor <= 1.0 || original <= 1.0
          ? 1.0
          : std::sqrt(1.0 + std::log(factor) / std::log(original));
  OUNCE_ASSIGN_OR_RETURN(rotary->attention_factor,
                         scaling.values.GetDoubleOr("attention_factor", usual));
  return absl::OkStatus();
}

struct ScalingRow {
  absl::string_view type;
  RotaryScaling scaling;
  absl::Status (*parse)(const Scaling& scaling, RotarySpec* rotary);
};
constexpr ScalingRow kScalings[] = {
    {"default", RotaryScaling::kNone,
     [](const Scaling&, RotarySpec*) { return absl::OkStatus(); }},
    {"linear", RotaryScaling::kLinear, ParseFactor},
    {"dynamic", RotaryScaling::kDynamic, ParseDynamic},
    {"yarn", RotaryScaling::kYarn, ParseYarn},
    {"llama3", RotaryScaling::kLlama3, ParseLlama3},
    {"longrope", RotaryScaling::kLongRope, ParseLongRope},
    {"su", RotaryScaling::kLongRope, ParseLongRope},  // An older name.
};

absl::Status ParseScaling(const Scaling& scaling, RotarySpec* rotary) {
  OUNCE_ASSIGN_OR_RETURN(const std::string older,
                         scaling.values.GetStringOr("type", "default"));
  OUNCE_ASSIGN_OR_RETURN(const std::string type,
                         scaling.values.GetStringOr("rope_type", older));
  std::string known;
  for (const ScalingRow& row : kScalings) {
    if (row.type == type) {
      rotary->scaling = row.scaling;
      return row.parse(scaling, rotary);
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", row.type);
  }
  return absl::UnimplementedError(
      absl::StrCat("rotary scaling \"", type, "\"; supported are ", known));
}

// The object that describes the scaling and its key, or null when the config
// has none; only its part for `layer_type` when `part_only`.
absl::StatusOr<std::pair<const Json*, absl::string_view>> FindScaling(
    const Json& config, absl::string_view layer_type, bool part_only) {
  for (const absl::string_view key : {"rope_parameters", "rope_scaling"}) {
    const Json* scaling = config.Find(key);
    if (scaling == nullptr || scaling->is_null()) continue;
    if (scaling->AsObject() == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", key, "\" is of type ", scaling->TypeName(),
                       "; expected an object"));
    }
    const Json* part = scaling->Find(layer_type);
    const bool has_part = part != nullptr && part->AsObject() != nullptr;
    if (has_part || !part_only) {
      return std::pair(has_part ? part : scaling, key);
    }
  }
  return std::pair<const Json*, absl::string_view>(nullptr, "");
}

}  // namespace

absl::StatusOr<RotarySpec> ParseRotary(const Json& config,
                                       const RotaryBasis& basis,
                                       absl::string_view layer_type) {
  RotarySpec rotary;
  rotary.base = basis.base;
  double partial = basis.partial;
  if (!basis.part_only) {
    OUNCE_ASSIGN_OR_RETURN(rotary.base,
                           config.GetDoubleOr("rope_theta", basis.base));
    OUNCE_ASSIGN_OR_RETURN(
        partial, config.GetDoubleOr("partial_rotary_factor", basis.partial));
  }
  OUNCE_ASSIGN_OR_RETURN(const auto found,
                         FindScaling(config, layer_type, basis.part_only));
  const auto [scaling, key] = found;
  if (scaling != nullptr) {
    OUNCE_ASSIGN_OR_RETURN(rotary.base,
                           scaling->GetDoubleOr("rope_theta", rotary.base));
    OUNCE_ASSIGN_OR_RETURN(
        partial, scaling->GetDoubleOr("partial_rotary_factor", partial));
    OUNCE_RETURN_IF_ERROR(
        Annotate(ParseScaling({*scaling, config, basis}, &rotary), key));
  }
  if (!(partial > 0.0 && partial <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rotary share of a head is ", partial,
                     "; expected more than 0 and at most 1"));
  }
  const auto dims =
      static_cast<int64_t>(static_cast<double>(basis.head_dim) * partial);
  if (dims != basis.head_dim) rotary.dims = dims;
  if (rotary.dims == 0 && dims != basis.head_dim) {
    return absl::InvalidArgumentError(
        absl::StrCat("the rotary share ", partial, " of a head of ",
                     basis.head_dim, " values is none; expected two or more"));
  }
  return rotary;
}

}  // namespace ounce
