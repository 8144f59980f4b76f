#include "model/arch/config_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/annotate.h"
#include "core/status_macros.h"
#include "model/arch/rotary_config.h"

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

// The list called `key`, each element by `as`, which gives nothing where the
// element is not of the type that `expected` names.
template <typename T, typename As>
absl::StatusOr<std::vector<T>> ParseList(const Json& value,
                                         absl::string_view key, As as,
                                         absl::string_view expected) {
  std::vector<T> elements;
  const Json::Array* list = value.AsArray();
  bool valid = list != nullptr;
  for (size_t i = 0; valid && i < list->size(); ++i) {
    const auto element = as((*list)[i]);
    valid = static_cast<bool>(element);
    if (valid) elements.push_back(*element);
  }
  if (valid) return elements;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", key, "\" is of type ", value.TypeName(),
                   "; expected a list of ", expected));
}

}  // namespace

int64_t ConfigReader::Int(absl::string_view key, int64_t fallback) {
  return Take(config_.GetIntOr(key, fallback), fallback);
}

double ConfigReader::Double(absl::string_view key, double fallback) {
  return Take(config_.GetDoubleOr(key, fallback), fallback);
}

bool ConfigReader::Bool(absl::string_view key, bool fallback) {
  return Take(config_.GetBoolOr(key, fallback), fallback);
}

std::string ConfigReader::String(absl::string_view key,
                                 absl::string_view fallback) {
  return Take(config_.GetStringOr(key, fallback), std::string(fallback));
}

ActivationKind ConfigReader::Activation(absl::string_view key,
                                        absl::string_view fallback) {
  return Take(Annotate(ParseActivation(String(key, fallback)), key),
              ActivationKind::kSilu);
}

absl::string_view ConfigReader::FirstOf(
    std::initializer_list<absl::string_view> keys) {
  const auto* found =
      std::find_if(keys.begin(), keys.end(),
                   [this](absl::string_view key) { return HasValue(key); });
  return found == keys.end() ? *keys.begin() : *found;
}

bool ConfigReader::Has(absl::string_view key) const {
  return config_.Find(key) != nullptr;
}

bool ConfigReader::HasValue(absl::string_view key) const {
  const Json* value = config_.Find(key);
  return value != nullptr && !value->is_null();
}

std::vector<std::string> ConfigReader::Strings(absl::string_view key) {
  if (!HasValue(key)) return {};
  const auto as = [](const Json& element) { return element.AsString(); };
  return Take(
      ParseList<std::string>(*config_.Find(key), key, as, "strings alone"), {});
}

std::vector<int64_t> ConfigReader::Ints(absl::string_view key) {
  if (!HasValue(key)) return {};
  const auto as = [](const Json& element) { return element.AsInt(); };
  return Take(ParseList<int64_t>(*config_.Find(key), key, as, "integers alone"),
              {});
}

RotarySpec ConfigReader::Rotary(const RotaryDefaults& defaults,
                                const ModelSpec& spec,
                                absl::string_view layer_type) {
  return Take(ParseRotary(config_,
                          {.base = defaults.base,
                           .partial = defaults.partial,
                           .head_dim = spec.head_dim,
                           .max_context = spec.max_context,
                           .original_context = defaults.original_context,
                           .part_only = defaults.part_only},
                          layer_type),
              RotarySpec());
}

void ConfigReader::Refuse(bool condition, absl::string_view what) {
  if (!condition) return;
  Fail(absl::UnimplementedError(absl::StrCat(what, " is not supported")));
}

void ConfigReader::Fail(const absl::Status& status) {
  if (status_.ok()) status_ = status;
}

absl::StatusOr<std::vector<LayerKind>> LayerKindsOf(
    const std::vector<std::string>& layer_types, int64_t layers) {
  if (static_cast<int64_t>(layer_types.size()) != layers) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"layer_types\" has ", layer_types.size(),
                     " entries; expected one for each of ", layers, " layers"));
  }
  std::vector<LayerKind> kinds;
  for (const std::string& type : layer_types) {
    if (type != "full_attention" && type != "sliding_attention") {
      return absl::UnimplementedError(absl::StrCat(
          "\"layer_types\" has \"", type,
          "\"; supported are full_attention and sliding_attention"));
    }
    kinds.push_back({.windowed = type == "sliding_attention"});
  }
  return kinds;
}

absl::StatusOr<ActivationKind> ParseActivation(absl::string_view name) {
  constexpr std::array kNames = {
      std::pair("silu", ActivationKind::kSilu),
      std::pair("swish", ActivationKind::kSilu),
      std::pair("gelu", ActivationKind::kGelu),
      std::pair("gelu_python", ActivationKind::kGelu),
      std::pair("gelu_new", ActivationKind::kGeluTanh),
      std::pair("gelu_fast", ActivationKind::kGeluTanh),
      std::pair("gelu_accurate", ActivationKind::kGeluTanh),
      std::pair("gelu_pytorch_tanh", ActivationKind::kGeluTanh),
      std::pair("gelu_python_tanh", ActivationKind::kGeluTanh),
      std::pair("quick_gelu", ActivationKind::kQuickGelu),
      std::pair("relu", ActivationKind::kRelu),
      std::pair("relu2", ActivationKind::kReluSquared),
      std::pair("tanh", ActivationKind::kTanh),
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

}  // namespace ounce
