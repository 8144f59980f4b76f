// A recipe says what happens to each tensor: rules by name pattern, the first
// match wins.  Written in YAML; docs/recipes.md is the reference.
#ifndef OUNCE_COMPRESS_RECIPE_H_
#define OUNCE_COMPRESS_RECIPE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "prune/registry.h"
#include "quantize/channel_scales.h"
#include "quantize/quantizer.h"
#include "quantize/registry.h"

namespace ounce {

struct QuantizeRule {
  std::vector<std::string>
      tensors;  // Patterns: `*` any text, `?` one character.
  // Null: the tensor keeps the float type it has.
  const QuantizeMethod* method = nullptr;
  QuantizeOptions options;
  // What rounding takes from the mean of a product goes into its bias, if it
  // has one.
  bool bias_correction = false;
};

struct PruneRule {
  std::vector<std::string> tensors;
  const PruneMethod* method = nullptr;
  bool global = false;  // One threshold for all tensors of the rule.
  double sparsity = 0.0;
};

struct Recipe {
  std::vector<PruneRule> prune;
  // How channels are scaled (model/scale_fold.h), one after the other, before
  // anything is quantised.
  std::vector<ScaleRule> channel_scales;
  // A matrix that no rule matches keeps the float type it has.  Vectors (norms
  // and biases) always do.
  std::vector<QuantizeRule> quantize;

  // Whether it takes a calibration text.
  bool calibrated() const;
  // Whether it takes the float model's activations beside the others.
  bool propagates_error() const;
};

// "smooth", "awq".
absl::string_view ChannelScaleName(ScaleRule method);

// Names of the built-in recipes, and the YAML of one; "" if there is none.
std::vector<std::string> BuiltInRecipeNames();
absl::string_view BuiltInRecipe(absl::string_view name);

// A built-in recipe by name, else a YAML file by path.
// kInvalidArgument: neither, or as ParseRecipe().
absl::StatusOr<Recipe> LoadRecipe(const std::string& name_or_path);

// kInvalidArgument with line and column: not YAML, an unknown key, a value of a
// wrong type or out of range, a method or codec we do not have (with the list).
absl::StatusOr<Recipe> ParseRecipe(absl::string_view yaml);

// The recipe as YAML with every default written out: equal recipes give equal
// text.  Parsing it gives the recipe again.
std::string RecipeYaml(const Recipe& recipe);

// The first rule with a pattern that matches `name`; nullptr if none.
const QuantizeRule* MatchRule(absl::Span<const QuantizeRule> rules,
                              absl::string_view name);
const PruneRule* MatchRule(absl::Span<const PruneRule> rules,
                           absl::string_view name);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_RECIPE_H_
