#include "compress/recipe.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compress/glob.h"
#include "core/annotate.h"
#include "core/mapped_file.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

constexpr int64_t kMaxRecipeBytes = int64_t{1} << 20;

constexpr absl::string_view kFloatRecipe = R"(# Every tensor as it is.
quantize:
  - tensors: "*"
    codec: float
)";

constexpr absl::string_view kInt8Recipe =
    R"(# Every matrix int8, one scale per row.
quantize:
  - tensors: "*"
    codec: int8
)";

constexpr absl::string_view kInt4Recipe =
    R"(# Embedding and head int8, one scale per row; every other matrix int4.
quantize:
  - tensors: [model.embed_tokens.weight, encoder.embed_tokens.weight,
              lm_head.weight]
    codec: int8
  - tensors: "*"
    codec: int4-progressive
    group_size: 32
    scale: absmax
)";

constexpr absl::string_view kInt8SmoothRecipe =
    R"(# Every matrix int8, one scale per row, of channels made even first;
# activations in groups of 32.
channel_scales: [smooth]
quantize:
  - tensors: "*"
    codec: int8
    activation_group_size: 32
    method: gptq
    scale: least_squares
    refine: 1
)";

constexpr absl::string_view kInt4AwqRecipe =
    R"(# int4 with channels scaled by what they matter, then rounded to nearest.
channel_scales: [awq]
quantize:
  - tensors: [model.embed_tokens.weight, lm_head.weight]
    codec: int8
  - tensors: "*"
    codec: int4-progressive
    group_size: 32
    scale: least_squares
)";

constexpr absl::string_view kInt4GptqRecipe =
    R"(# int4 in groups of 128, by GPTQ.
quantize:
  - tensors: [model.embed_tokens.weight, lm_head.weight]
    codec: int8
  - tensors: "*"
    codec: int4-progressive
    group_size: 128
    method: gptq
    scale: least_squares
)";

constexpr absl::string_view kInt4BestRecipe =
    R"(# int4 with the least loss: channels made even where they are not, GPTQ that
# makes up for the errors before it, and codes and scales refined.
channel_scales: [smooth]
quantize:
  - tensors: [model.embed_tokens.weight, lm_head.weight]
    codec: int8
    activation_group_size: 32
    method: gptq
    scale: least_squares
    refine: 1
  - tensors: "*"
    codec: int4-progressive
    group_size: 32
    method: gptq
    scale: least_squares
    damping: 0.03
    refine: 3
    error_propagation: 0.7
)";

constexpr std::array kBuiltIn = {
    std::pair<absl::string_view, absl::string_view>("float", kFloatRecipe),
    std::pair<absl::string_view, absl::string_view>("int8", kInt8Recipe),
    std::pair<absl::string_view, absl::string_view>("int4", kInt4Recipe),
    std::pair<absl::string_view, absl::string_view>("int8-smooth",
                                                    kInt8SmoothRecipe),
    std::pair<absl::string_view, absl::string_view>("int4-awq", kInt4AwqRecipe),
    std::pair<absl::string_view, absl::string_view>("int4-gptq",
                                                    kInt4GptqRecipe),
    std::pair<absl::string_view, absl::string_view>("int4-best",
                                                    kInt4BestRecipe),
};

template <typename Rule>
const Rule* FirstMatch(absl::Span<const Rule> rules, absl::string_view name) {
  for (const Rule& rule : rules) {
    for (const std::string& pattern : rule.tensors) {
      if (GlobMatches(pattern, name)) return &rule;
    }
  }
  return nullptr;
}

std::string YamlList(const std::vector<std::string>& patterns) {
  // Single quotes: nothing in them is special but the quote itself, doubled.
  return absl::StrCat(
      "[",
      absl::StrJoin(patterns, ", ",
                    [](std::string* out, const std::string& pattern) {
                      absl::StrAppend(out, "'");
                      for (const char c : pattern) {
                        absl::StrAppend(out,
                                        c == '\'' ? "''" : std::string(1, c));
                      }
                      absl::StrAppend(out, "'");
                    }),
      "]");
}

// The shortest text that reads back as the same number.
std::string ExactNumber(double value) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return std::string(text.data(), end);
}

std::string RuleYaml(const PruneRule& rule) {
  return absl::StrCat("  - tensors: ", YamlList(rule.tensors),
                      "\n    method: ", rule.method->name,
                      "\n    scope: ", rule.global ? "global" : "tensor",
                      "\n    sparsity: ", ExactNumber(rule.sparsity), "\n");
}

std::string RuleYaml(const QuantizeRule& rule) {
  std::string yaml =
      absl::StrCat("  - tensors: ", YamlList(rule.tensors), "\n");
  if (rule.method == nullptr) {
    absl::StrAppend(&yaml, "    codec: float\n");
    return yaml;
  }
  const Codec codec = rule.options.codec;
  const int activation_group = GetCodecInfo(codec).activation_group;
  const bool int8 = codec == Codec::kInt8 || activation_group > 0;
  const bool asymmetric = codec == Codec::kInt4Asymmetric;
  // Groups of activations are an option of int8 and zero points one of int4,
  // not codecs of their own.
  absl::StrAppend(&yaml, "    codec: ",
                  int8         ? "int8"
                  : asymmetric ? "int4"
                               : GetCodecInfo(codec).name,
                  "\n    method: ", rule.method->name, "\n");
  if (int8) {
    absl::StrAppend(&yaml, "    activation_group_size: ", activation_group,
                    "\n");
  }
  if (GetCodecInfo(codec).grouped) {
    absl::StrAppend(&yaml, "    group_size: ", rule.options.group_size, "\n");
  }
  if (asymmetric || codec == Codec::kInt4) {
    absl::StrAppend(&yaml, "    symmetric: ", asymmetric ? "false" : "true",
                    "\n");
  }
  const bool absmax = rule.options.scale == ScaleMethod::kAbsMax;
  absl::StrAppend(&yaml, "    scale: ", absmax ? "absmax" : "least_squares",
                  "\n");
  if (rule.method->calibrated()) {
    absl::StrAppend(&yaml, "    damping: ", ExactNumber(rule.options.damping),
                    "\n    error_propagation: ",
                    ExactNumber(rule.options.error_propagation), "\n");
  }
  if (rule.method->rounds_in_order) {
    absl::StrAppend(
        &yaml, "    act_order: ", rule.options.act_order ? "true" : "false",
        "\n    refine: ", rule.options.refine_sweeps, "\n");
  }
  if (rule.bias_correction) {
    absl::StrAppend(&yaml, "    bias_correction: true\n");
  }
  return yaml;
}

}  // namespace

std::vector<std::string> BuiltInRecipeNames() {
  std::vector<std::string> names;
  for (const auto& [name, yaml] : kBuiltIn) names.emplace_back(name);
  return names;
}

absl::string_view BuiltInRecipe(absl::string_view name) {
  for (const auto& [known, yaml] : kBuiltIn) {
    if (known == name) return yaml;
  }
  return "";
}

absl::StatusOr<Recipe> LoadRecipe(const std::string& name_or_path) {
  const absl::string_view built_in = BuiltInRecipe(name_or_path);
  if (!built_in.empty()) return ParseRecipe(built_in);
  const absl::StatusOr<std::string> yaml =
      ReadSmallFile(name_or_path, kMaxRecipeBytes);
  if (absl::IsNotFound(yaml.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat("recipe '", name_or_path,
                     "' is neither a file nor built in; built in are ",
                     absl::StrJoin(BuiltInRecipeNames(), ", ")));
  }
  if (!yaml.ok()) return yaml.status();
  return Annotate(ParseRecipe(*yaml),
                  absl::StrCat("recipe '", name_or_path, "'"));
}

std::string RecipeYaml(const Recipe& recipe) {
  std::string yaml;
  if (!recipe.channel_scales.empty()) {
    absl::StrAppend(&yaml, "channel_scales: [",
                    absl::StrJoin(recipe.channel_scales, ", ",
                                  [](std::string* out, ScaleRule method) {
                                    absl::StrAppend(out,
                                                    ChannelScaleName(method));
                                  }),
                    "]\n");
  }
  if (!recipe.prune.empty()) absl::StrAppend(&yaml, "prune:\n");
  for (const PruneRule& rule : recipe.prune) {
    absl::StrAppend(&yaml, RuleYaml(rule));
  }
  if (!recipe.quantize.empty()) absl::StrAppend(&yaml, "quantize:\n");
  for (const QuantizeRule& rule : recipe.quantize) {
    absl::StrAppend(&yaml, RuleYaml(rule));
  }
  return yaml.empty() ? "{}\n" : yaml;
}

bool Recipe::propagates_error() const {
  return std::any_of(quantize.begin(), quantize.end(),
                     [](const QuantizeRule& rule) {
                       return rule.options.error_propagation > 0;
                     });
}

bool Recipe::calibrated() const {
  return !channel_scales.empty() ||
         std::any_of(
             quantize.begin(), quantize.end(), [](const QuantizeRule& rule) {
               return rule.bias_correction ||
                      (rule.method != nullptr && rule.method->calibrated());
             });
}

absl::string_view ChannelScaleName(ScaleRule method) {
  return method == ScaleRule::kSmoothQuant ? "smooth" : "awq";
}

const QuantizeRule* MatchRule(absl::Span<const QuantizeRule> rules,
                              absl::string_view name) {
  return FirstMatch(rules, name);
}

const PruneRule* MatchRule(absl::Span<const PruneRule> rules,
                           absl::string_view name) {
  return FirstMatch(rules, name);
}

}  // namespace ounce
