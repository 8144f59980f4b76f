// ParseRecipe() of compress/recipe.h.
#include <string>

#include "absl/status/status.h"
#include "compress/recipe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void ExpectError(const std::string& yaml, const std::string& where,
                 const std::string& words) {
  EXPECT_THAT(ParseRecipe(yaml),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(where), HasSubstr(words))))
      << yaml;
}

// A recipe whose one quantise rule, on line 3, has these members.
std::string Quantize(const std::string& members) {
  return "\nquantize:\n  - {" + members + "}\n";
}
std::string Prune(const std::string& members) {
  return "\nprune:\n  - {" + members + "}\n";
}

TEST(ParseRecipeTest, ReadsEveryKey) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(R"(# A comment.
prune:
  - tensors: "*.mlp.*"
    method: magnitude
    scope: global
    sparsity: 0.25
quantize:
  - tensors: [lm_head.weight, model.embed_tokens.weight]
    codec: int8
    method: round_to_nearest
    scale: least_squares
  - tensors: "*"
    codec: int4
    group_size: 128
    symmetric: false
)"));
  ASSERT_EQ(recipe.prune.size(), 1u);
  EXPECT_THAT(recipe.prune[0].tensors, ElementsAre("*.mlp.*"));
  EXPECT_EQ(recipe.prune[0].method->name, "magnitude");
  EXPECT_TRUE(recipe.prune[0].global);
  EXPECT_EQ(recipe.prune[0].sparsity, 0.25);
  ASSERT_EQ(recipe.quantize.size(), 2u);
  const QuantizeRule& head = recipe.quantize[0];
  EXPECT_THAT(head.tensors,
              ElementsAre("lm_head.weight", "model.embed_tokens.weight"));
  EXPECT_EQ(head.method->name, "round_to_nearest");
  EXPECT_EQ(head.options.codec, Codec::kInt8);
  EXPECT_EQ(head.options.group_size, 0);
  EXPECT_EQ(head.options.scale, ScaleMethod::kLeastSquares);
  const QuantizeRule& rest = recipe.quantize[1];
  EXPECT_EQ(rest.options.codec, Codec::kInt4Asymmetric);
  EXPECT_EQ(rest.options.group_size, 128);
  EXPECT_EQ(rest.options.scale, ScaleMethod::kAbsMax);
}

TEST(ParseRecipeTest, EmptyMappingDoesNothing) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe("{}"));
  EXPECT_THAT(recipe.prune, IsEmpty());
  EXPECT_THAT(recipe.quantize, IsEmpty());
}

TEST(ParseRecipeTest, Int4DefaultsToSymmetricGroupsOf32) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe,
                       ParseRecipe(Quantize("tensors: '*', codec: int4")));
  EXPECT_EQ(recipe.quantize[0].options.codec, Codec::kInt4);
  EXPECT_EQ(recipe.quantize[0].options.group_size, 32);
}

TEST(ParseRecipeTest, Int8TakesGroupsOfActivations) {
  const auto codec_of = [](const std::string& members) {
    return ParseRecipe(Quantize("tensors: '*', codec: int8" + members))
        ->quantize[0]
        .options;
  };
  EXPECT_EQ(codec_of("").codec, Codec::kInt8);
  EXPECT_EQ(codec_of(", activation_group_size: 0").codec, Codec::kInt8);
  const QuantizeOptions options =
      codec_of(", activation_group_size: 32, scale: least_squares");
  EXPECT_EQ(options.codec, Codec::kInt8ActivationGroups);
  EXPECT_EQ(options.group_size, 0);
  EXPECT_EQ(options.scale, ScaleMethod::kLeastSquares);
}

TEST(ParseRecipeTest, ReadsTheKeysOfCalibration) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(R"(
channel_scales: [smooth, awq]
quantize:
  - {tensors: a, codec: int4, method: gptq}
  - {tensors: b, codec: int8, method: gptq, damping: 0.25, act_order: false,
     refine: 7, bias_correction: true}
  - {tensors: c, codec: int4, bias_correction: true}
)"));
  EXPECT_THAT(recipe.channel_scales,
              ElementsAre(ScaleRule::kSmoothQuant, ScaleRule::kAwq));
  const QuantizeRule& defaults = recipe.quantize[0];
  EXPECT_EQ(defaults.options.damping, 0.01);
  EXPECT_TRUE(defaults.options.act_order);
  EXPECT_EQ(defaults.options.refine_sweeps, 0);
  EXPECT_FALSE(defaults.bias_correction);
  const QuantizeRule& given = recipe.quantize[1];
  EXPECT_EQ(given.method->name, "gptq");
  EXPECT_EQ(given.options.damping, 0.25);
  EXPECT_FALSE(given.options.act_order);
  EXPECT_EQ(given.options.refine_sweeps, 7);
  EXPECT_TRUE(given.bias_correction);
  EXPECT_TRUE(recipe.quantize[2].bias_correction);
  EXPECT_EQ(recipe.quantize[2].method->name, "round_to_nearest");
}

TEST(ParseRecipeTest, RefusesWrongValuesOfCalibration) {
  const auto expect = [](const std::string& member, const std::string& column,
                         const std::string& words) {
    ExpectError(Quantize("tensors: '*', codec: int4, method: gptq, " + member),
                "line 3, column " + column + ":", words);
  };
  // A value of a wrong type is pointed at, one out of range at its rule.
  for (const std::string damping : {"-0.01", "1.01", ".nan", ".inf"}) {
    expect("damping: " + damping, "5",
           "\"damping\": expected a number from 0 to 1");
  }
  expect("damping: much", "56", "\"damping\": expected a number from 0 to 1");
  expect("damping: [1]", "56", "\"damping\": expected a number from 0 to 1");
  expect("act_order: 2", "58", "\"act_order\": expected true or false");
  expect("bias_correction: some", "64",
         "\"bias_correction\": expected true or false");
  for (const std::string sweeps : {"-1", "101"}) {
    expect("refine: " + sweeps, "5",
           "\"refine\": expected a number of sweeps, 0 to 100");
  }
  expect("refine: 1.5", "55", "\"refine\": expected a number of sweeps");
  expect("refine: ''", "55", "\"refine\": expected a number of sweeps");
  ExpectError("\nchannel_scales: [smooth, quiet]\n",
              "line 2, column 26:", "a channel scale: expected smooth or awq");
  ExpectError("channel_scales: [[awq]]",
              "line 1, column 18:", "a channel scale: expected smooth or awq");
  ExpectError("channel_scales: awq", "line 1, column 17:", "expected a list");
}

TEST(ParseRecipeTest, RefusesOptionsOfCalibrationWhereNothingTakesThem) {
  for (const std::string method : {"round_to_nearest", "hqq"}) {
    for (const auto& [key, value] :
         {std::pair("damping", "0.1"), std::pair("act_order", "true"),
          std::pair("refine", "1")}) {
      ExpectError(Quantize("tensors: '*', codec: int4, method: " + method +
                           ", " + key + ": " + value),
                  "line 3, column 5:",
                  "method " + method + " takes no \"" + key + "\"");
    }
  }
  for (const std::string key : {"act_order", "refine"}) {
    ExpectError(
        Quantize("tensors: '*', codec: int4, method: scale_search, " + key +
                 ": 1"),
        "line 3, column 5:", "method scale_search takes no \"" + key + "\"");
  }
  ExpectError(Quantize("tensors: '*', codec: int4, method: round_to_nearest, "
                       "error_propagation: 0.5"),
              "line 3, column 5:",
              "method round_to_nearest takes no \"error_propagation\"");
  for (const std::string value : {"-0.1", "1.5", ".nan"}) {
    ExpectError(Quantize("tensors: '*', codec: int4, method: gptq, "
                         "error_propagation: " +
                         value),
                "line 3",
                "\"error_propagation\": expected a number from 0 to 1");
  }
  ExpectError(Quantize("tensors: '*', codec: int4, method: gptq, "
                       "error_propagation: 0.5, bias_correction: true"),
              "line 3", "make up for the same errors; leave one out");
  for (const std::string member :
       {"damping: 0.1", "error_propagation: 0.5", "act_order: true",
        "refine: 1", "bias_correction: true"}) {
    ExpectError(
        Quantize("tensors: '*', codec: float, " + member), "line 3, column 5:",
        "codec float takes no \"" + member.substr(0, member.find(':')) + "\"");
  }
}

TEST(ParseRecipeTest, SaysWhereTheYamlBreaks) {
  ExpectError("prune: []\na: b: c", "line 2, column 5", "illegal map value");
  ExpectError("quantize: [{]", "line 1, column 13", "");
  ExpectError("quantize: *unknown", "line 1", "");
}

TEST(ParseRecipeTest, RefusesWhatIsNoMapping) {
  ExpectError("", "",
              "a recipe is no mapping; expected keys: "
              "channel_scales, prune, quantize");
  ExpectError("- int4", "line 1", "a recipe is no mapping");
  ExpectError("int4", "line 1", "a recipe is no mapping");
  ExpectError("quantize:\n  - int4\n", "line 2",
              "a quantize rule is no mapping");
  ExpectError("quantize: {tensors: '*'}", "line 1", "expected a list of rules");
  ExpectError("prune:\n", "line ", "expected a list of rules");
}

TEST(ParseRecipeTest, RefusesUnknownKeysAndListsTheKnown) {
  ExpectError("quantise: []", "line 1",
              "unknown key \"quantise\" in a recipe; expected "
              "channel_scales, prune, quantize");
  ExpectError(Quantize("tensors: '*', codec: int4, bits: 4"), "line 3",
              "unknown key \"bits\" in a quantize rule; expected "
              "act_order, activation_group_size, bias_correction, codec, "
              "damping, error_propagation, group_size, method, refine, scale, "
              "symmetric, "
              "tensors");
  ExpectError(Prune("tensors: '*', sparsity: 0.5, amount: 1"), "line 3",
              "unknown key \"amount\" in a prune rule");
  ExpectError("{[1, 2]: 3}", "line 1", "unknown key");
}

TEST(ParseRecipeTest, RefusesAKeyGivenTwice) {
  ExpectError("quantize: []\nquantize: []\n", "line 2",
              "key \"quantize\" is given twice");
  ExpectError(Quantize("tensors: a, codec: int8, codec: int4"), "line 3",
              "key \"codec\" is given twice");
}

TEST(ParseRecipeTest, RefusesCodecsItDoesNotHave) {
  ExpectError(Quantize("tensors: '*', codec: int5"), "line 3",
              "codec \"int5\"; expected float, int8, int4 or "
              "int4-progressive");
  ExpectError(Quantize("tensors: '*'"), "line 3",
              "codec \"\"; expected float, int8, int4 or "
              "int4-progressive");
  ExpectError(Quantize("tensors: '*', codec: [int4]"), "line 3",
              "\"codec\": expected float, int8, int4 or "
              "int4-progressive");
}

TEST(ParseRecipeTest, RefusesOptionsThatTheCodecDoesNotTake) {
  ExpectError(Quantize("tensors: '*', codec: int8, group_size: 32"), "line 3",
              "codec int8 takes no \"group_size\"");
  ExpectError(Quantize("tensors: '*', codec: float, symmetric: true"), "line 3",
              "codec float takes no \"group_size\" and no \"symmetric\"");
  for (const std::string codec : {"float", "int4", "int4-progressive"}) {
    ExpectError(Quantize("tensors: '*', codec: " + codec +
                         ", activation_group_size: 32"),
                "line 3",
                "codec " + codec + " takes no \"activation_group_size\"");
  }
  ExpectError(
      Quantize("tensors: '*', codec: int8-activation-groups"), "line 3",
      "codec \"int8-activation-groups\"; expected float, int8, int4 or");
  ExpectError(Quantize("tensors: '*', codec: float, scale: absmax"), "line 3",
              "codec float takes no \"method\" and no \"scale\"");
}

TEST(ParseRecipeTest, RefusesValuesOutOfRange) {
  ExpectError(Quantize("tensors: '*', codec: int4, group_size: 48"), "line 3",
              "group_size 48; expected 32, 64 or 128");
  ExpectError(Quantize("tensors: '*', codec: int4, group_size: 0"), "line 3",
              "group_size 0; expected 32, 64 or 128");
  ExpectError(Quantize("tensors: '*', codec: int4, group_size: large"),
              "line 3", "\"group_size\": expected 32, 64 or 128");
  ExpectError(Quantize("tensors: '*', codec: int4, symmetric: 3"), "line 3",
              "\"symmetric\": expected true or false");
  ExpectError(
      Quantize("tensors: '*', codec: int4-progressive, symmetric: true"),
      "line 3", "codec int4-progressive takes no \"symmetric\"");
  ExpectError(Quantize("tensors: '*', codec: int4-progressive, group_size: 48"),
              "line 3", "group_size 48; expected 32, 64 or 128");
  for (const std::string size : {"1", "64", "-32"}) {
    ExpectError(
        Quantize("tensors: '*', codec: int8, activation_group_size: " + size),
        "line 3", "activation_group_size " + size + "; expected 0 or 32");
  }
  ExpectError(
      Quantize("tensors: '*', codec: int8, activation_group_size: token"),
      "line 3", "\"activation_group_size\": expected 0 or 32");
  ExpectError(Quantize("tensors: '*', codec: int4, scale: mse"), "line 3",
              "scale \"mse\"; expected absmax or least_squares");
  ExpectError(Quantize("tensors: '*', codec: int4, method: gtpq"), "line 3",
              "quantisation method \"gtpq\"; expected one of");
  for (const std::string sparsity : {"1", "1.5", "-0.1", ".nan", ".inf"}) {
    ExpectError(Prune("tensors: '*', sparsity: " + sparsity), "line 3",
                "\"sparsity\": expected a number from 0 to below 1");
  }
  ExpectError(Prune("tensors: '*', sparsity: half"), "line 3",
              "\"sparsity\": expected a number from 0 to below 1");
  ExpectError(Prune("tensors: '*'"), "line 3", "\"sparsity\"");
  ExpectError(Prune("tensors: '*', sparsity: 0.5, scope: layer"), "line 3",
              "scope \"layer\"; expected tensor or global");
  ExpectError(Prune("tensors: '*', sparsity: 0.5, method: random"), "line 3",
              "pruning method \"random\"; expected one of magnitude");
}

TEST(ParseRecipeTest, RefusesRulesWithoutPatterns) {
  ExpectError(Quantize("codec: int8"), "line 3",
              "\"tensors\": expected a name pattern or a list of them");
  ExpectError(Quantize("tensors: [], codec: int8"), "line 3",
              "\"tensors\": expected a name pattern");
  ExpectError(Quantize("tensors: {a: b}, codec: int8"), "line 3",
              "\"tensors\": expected a name pattern");
  ExpectError(Quantize("tensors: [a, [b]], codec: int8"), "line 3",
              "a pattern must be text");
}

}  // namespace
}  // namespace ounce
