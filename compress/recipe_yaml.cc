// The only file that sees yaml-cpp; its exceptions end here.
#include <yaml-cpp/yaml.h>

#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "compress/recipe.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr absl::string_view kCodecNames =
    "float, int8, int4 or int4-progressive";

absl::Status ErrorAt(const YAML::Mark& mark, absl::string_view message) {
  if (mark.is_null()) return absl::InvalidArgumentError(message);
  return absl::InvalidArgumentError(absl::StrCat(
      "line ", mark.line + 1, ", column ", mark.column + 1, ": ", message));
}

// One mapping whose keys must all be known, and none given twice.
class Section {
 public:
  static absl::StatusOr<Section> Create(const YAML::Node& node,
                                        absl::string_view what,
                                        const std::set<std::string>& known) {
    if (!node.IsMap()) {
      return ErrorAt(node.Mark(), absl::StrCat(what,
                                               " is no mapping; expected "
                                               "keys: ",
                                               absl::StrJoin(known, ", ")));
    }
    std::set<std::string> seen;
    for (const auto& member : node) {
      if (!member.first.IsScalar() || !known.contains(member.first.Scalar())) {
        return ErrorAt(
            member.first.Mark(),
            absl::StrCat("unknown key \"",
                         member.first.IsScalar() ? member.first.Scalar() : "",
                         "\" in ", what, "; expected ",
                         absl::StrJoin(known, ", ")));
      }
      if (!seen.insert(member.first.Scalar()).second) {
        return ErrorAt(
            member.first.Mark(),
            absl::StrCat("key \"", member.first.Scalar(), "\" is given twice"));
      }
    }
    return Section(node);
  }

  bool Has(const char* key) const { return static_cast<bool>(node_[key]); }

  // The scalar `key` as T, or `fallback` when absent.
  template <typename T>
  absl::StatusOr<T> Get(const char* key, T fallback,
                        absl::string_view expected) const {
    const YAML::Node value = node_[key];
    if (!value) return fallback;
    T result;
    if (!value.IsScalar() || !YAML::convert<T>::decode(value, result)) {
      return ErrorAt(value.Mark(),
                     absl::StrCat("\"", key, "\": expected ", expected));
    }
    return result;
  }

  absl::StatusOr<std::vector<std::string>> Patterns(const char* key) const {
    const YAML::Node value = node_[key];
    std::vector<std::string> patterns;
    if (value && value.IsScalar()) patterns.push_back(value.Scalar());
    if (value && value.IsSequence()) {
      for (const YAML::Node& element : value) {
        if (!element.IsScalar()) {
          return ErrorAt(element.Mark(), "a pattern must be text");
        }
        patterns.push_back(element.Scalar());
      }
    }
    if (patterns.empty()) {
      return Error(absl::StrCat(
          "\"", key, "\": expected a name pattern or a list of them"));
    }
    return patterns;
  }

  absl::Status Error(absl::string_view message) const {
    return ErrorAt(node_.Mark(), message);
  }

 private:
  explicit Section(YAML::Node node) : node_(std::move(node)) {}
  const YAML::Node node_;
};

absl::StatusOr<ScaleMethod> ParseScale(const Section& section) {
  OUNCE_ASSIGN_OR_RETURN(
      const std::string scale,
      section.Get<std::string>("scale", "absmax", "absmax or least_squares"));
  if (scale == "absmax") return ScaleMethod::kAbsMax;
  if (scale == "least_squares") return ScaleMethod::kLeastSquares;
  return section.Error(
      absl::StrCat("scale \"", scale, "\"; expected absmax or least_squares"));
}

absl::Status ParseInt4(const Section& section, bool progressive,
                       QuantizeOptions* options) {
  if (progressive && section.Has("symmetric")) {
    return section.Error("codec int4-progressive takes no \"symmetric\"");
  }
  OUNCE_ASSIGN_OR_RETURN(
      options->group_size,
      section.Get<int64_t>("group_size", 32, "32, 64 or 128"));
  OUNCE_ASSIGN_OR_RETURN(const bool symmetric,
                         section.Get<bool>("symmetric", true, "true or false"));
  options->codec = progressive ? Codec::kInt4Progressive
                   : symmetric ? Codec::kInt4
                               : Codec::kInt4Asymmetric;
  if (!PackedBytes(options->codec, 1, 1, options->group_size).ok()) {
    return section.Error(absl::StrCat("group_size ", options->group_size,
                                      "; expected 32, 64 or 128"));
  }
  return absl::OkStatus();
}

// What methods take that look at a calibration text.
absl::Status ParseCalibrated(const Section& section, QuantizeRule* rule) {
  OUNCE_ASSIGN_OR_RETURN(
      rule->bias_correction,
      section.Get<bool>("bias_correction", false, "true or false"));
  const QuantizeMethod& method = *rule->method;
  const std::pair<const char*, bool> keys[] = {
      {"damping", method.calibrated()},
      {"error_propagation", method.calibrated()},
      {"act_order", method.rounds_in_order},
      {"refine", method.rounds_in_order}};
  for (const auto& [key, taken] : keys) {
    if (taken || !section.Has(key)) continue;
    return section.Error(
        absl::StrCat("method ", method.name, " takes no \"", key, "\""));
  }
  if (!method.calibrated()) return absl::OkStatus();
  QuantizeOptions& options = rule->options;
  OUNCE_ASSIGN_OR_RETURN(
      options.damping,
      section.Get<double>("damping", 0.01, "a number from 0 to 1"));
  if (!(options.damping >= 0 && options.damping <= 1)) {
    return section.Error("\"damping\": expected a number from 0 to 1");
  }
  OUNCE_ASSIGN_OR_RETURN(
      options.error_propagation,
      section.Get<double>("error_propagation", 0.0, "a number from 0 to 1"));
  if (!(options.error_propagation >= 0 && options.error_propagation <= 1)) {
    return section.Error(
        "\"error_propagation\": expected a number from 0 to 1");
  }
  if (options.error_propagation > 0 && rule->bias_correction) {
    return section.Error(
        "\"error_propagation\" and \"bias_correction\" make up for the same "
        "errors; leave one out");
  }
  OUNCE_ASSIGN_OR_RETURN(options.act_order,
                         section.Get<bool>("act_order", true, "true or false"));
  OUNCE_ASSIGN_OR_RETURN(
      options.refine_sweeps,
      section.Get<int>("refine", 0, "a number of sweeps from 0 to 100"));
  if (options.refine_sweeps < 0 || options.refine_sweeps > 100) {
    return section.Error("\"refine\": expected a number of sweeps, 0 to 100");
  }
  return absl::OkStatus();
}

absl::StatusOr<ScaleRule> ParseChannelScale(const YAML::Node& node) {
  for (const ScaleRule method : {ScaleRule::kSmoothQuant, ScaleRule::kAwq}) {
    if (node.IsScalar() && node.Scalar() == ChannelScaleName(method)) {
      return method;
    }
  }
  return ErrorAt(node.Mark(), "a channel scale: expected smooth or awq");
}

absl::Status ParseInt8(const Section& section, QuantizeOptions* options) {
  OUNCE_ASSIGN_OR_RETURN(
      const int64_t group_size,
      section.Get<int64_t>("activation_group_size", 0, "0 or 32"));
  for (const Codec codec : {Codec::kInt8, Codec::kInt8ActivationGroups}) {
    if (GetCodecInfo(codec).activation_group != group_size) continue;
    options->codec = codec;
    return absl::OkStatus();
  }
  return section.Error(
      absl::StrCat("activation_group_size ", group_size, "; expected 0 or 32"));
}

// A rule that keeps tensors as they are has nothing to set.
absl::Status CheckFloatRule(const Section& section) {
  if (section.Has("method") || section.Has("scale")) {
    return section.Error("codec float takes no \"method\" and no \"scale\"");
  }
  for (const char* key : {"damping", "error_propagation", "act_order", "refine",
                          "bias_correction"}) {
    if (!section.Has(key)) continue;
    return section.Error(absl::StrCat("codec float takes no \"", key, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<QuantizeRule> ParseQuantizeRule(const YAML::Node& node) {
  OUNCE_ASSIGN_OR_RETURN(
      const Section section,
      Section::Create(
          node, "a quantize rule",
          {"tensors", "codec", "method", "activation_group_size", "group_size",
           "symmetric", "scale", "damping", "act_order", "refine",
           "error_propagation", "bias_correction"}));
  QuantizeRule rule;
  OUNCE_ASSIGN_OR_RETURN(rule.tensors, section.Patterns("tensors"));
  OUNCE_ASSIGN_OR_RETURN(const std::string codec,
                         section.Get<std::string>("codec", "", kCodecNames));
  const bool progressive = codec == "int4-progressive";
  const bool grouped = codec == "int4" || progressive;
  if (!grouped && codec != "int8" && codec != "float") {
    return section.Error(
        absl::StrCat("codec \"", codec, "\"; expected ", kCodecNames));
  }
  if (!grouped && (section.Has("group_size") || section.Has("symmetric"))) {
    return section.Error(absl::StrCat(
        "codec ", codec, " takes no \"group_size\" and no \"symmetric\""));
  }
  if (codec != "int8" && section.Has("activation_group_size")) {
    return section.Error(
        absl::StrCat("codec ", codec, " takes no \"activation_group_size\""));
  }
  if (codec == "float") {
    OUNCE_RETURN_IF_ERROR(CheckFloatRule(section));
    return rule;
  }
  OUNCE_ASSIGN_OR_RETURN(
      const std::string method,
      section.Get<std::string>("method", "round_to_nearest", "a name"));
  const absl::StatusOr<const QuantizeMethod*> found =
      FindQuantizeMethod(method);
  if (!found.ok()) return section.Error(found.status().message());
  rule.method = *found;
  OUNCE_RETURN_IF_ERROR(grouped ? ParseInt4(section, progressive, &rule.options)
                                : ParseInt8(section, &rule.options));
  OUNCE_ASSIGN_OR_RETURN(rule.options.scale, ParseScale(section));
  OUNCE_RETURN_IF_ERROR(ParseCalibrated(section, &rule));
  return rule;
}

absl::StatusOr<PruneRule> ParsePruneRule(const YAML::Node& node) {
  OUNCE_ASSIGN_OR_RETURN(
      const Section section,
      Section::Create(node, "a prune rule",
                      {"tensors", "method", "scope", "sparsity"}));
  PruneRule rule;
  OUNCE_ASSIGN_OR_RETURN(rule.tensors, section.Patterns("tensors"));
  OUNCE_ASSIGN_OR_RETURN(
      const std::string method,
      section.Get<std::string>("method", "magnitude", "a name"));
  const absl::StatusOr<const PruneMethod*> found = FindPruneMethod(method);
  if (!found.ok()) return section.Error(found.status().message());
  rule.method = *found;
  OUNCE_ASSIGN_OR_RETURN(
      const std::string scope,
      section.Get<std::string>("scope", "tensor", "tensor or global"));
  if (scope != "tensor" && scope != "global") {
    return section.Error(
        absl::StrCat("scope \"", scope, "\"; expected tensor or global"));
  }
  rule.global = scope == "global";
  OUNCE_ASSIGN_OR_RETURN(
      rule.sparsity,
      section.Get<double>("sparsity", -1, "a number from 0 to below 1"));
  if (!(rule.sparsity >= 0 && rule.sparsity < 1)) {
    return section.Error(
        "\"sparsity\": expected a number from 0 to below 1, as 0.5");
  }
  return rule;
}

template <typename Rule>
absl::Status ParseRules(const YAML::Node& list,
                        absl::StatusOr<Rule> (*parse)(const YAML::Node&),
                        std::vector<Rule>* rules) {
  if (!list) return absl::OkStatus();
  if (!list.IsSequence()) {
    return ErrorAt(list.Mark(), "expected a list of rules, each after a \"-\"");
  }
  for (const YAML::Node& node : list) {
    OUNCE_ASSIGN_OR_RETURN(Rule rule, parse(node));
    rules->push_back(std::move(rule));
  }
  return absl::OkStatus();
}

absl::StatusOr<Recipe> Parse(const std::string& yaml) {
  const YAML::Node root = YAML::Load(yaml);
  OUNCE_RETURN_IF_ERROR(
      Section::Create(root, "a recipe", {"prune", "channel_scales", "quantize"})
          .status());
  Recipe recipe;
  OUNCE_RETURN_IF_ERROR(ParseRules(root["channel_scales"], ParseChannelScale,
                                   &recipe.channel_scales));
  OUNCE_RETURN_IF_ERROR(
      ParseRules(root["prune"], ParsePruneRule, &recipe.prune));
  OUNCE_RETURN_IF_ERROR(
      ParseRules(root["quantize"], ParseQuantizeRule, &recipe.quantize));
  return recipe;
}

}  // namespace

absl::StatusOr<Recipe> ParseRecipe(absl::string_view yaml) {
  try {
    return Parse(std::string(yaml));
  } catch (const YAML::Exception& error) {
    return ErrorAt(error.mark, error.msg);
  }
}

}  // namespace ounce
