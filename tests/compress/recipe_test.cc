#include "compress/recipe.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// What quantising does to `name`: "float", "int8", "int4 g32" ...
std::string CodecOf(const Recipe& recipe, const std::string& name) {
  const QuantizeRule* rule = MatchRule(recipe.quantize, name);
  if (rule == nullptr || rule->method == nullptr) return "float";
  switch (rule->options.codec) {
    case Codec::kInt8:
      return "int8";
    case Codec::kInt8ActivationGroups:
      return "int8 a32";
    case Codec::kInt4:
      return "int4 g" + std::to_string(rule->options.group_size);
    case Codec::kInt4Progressive:
      return "int4-progressive g" + std::to_string(rule->options.group_size);
    default:
      return "other";
  }
}

TEST(BuiltInRecipeTest, EachParses) {
  EXPECT_THAT(BuiltInRecipeNames(),
              ElementsAre("float", "int8", "int4", "int8-smooth", "int4-awq",
                          "int4-gptq", "int4-best"));
  for (const std::string& name : BuiltInRecipeNames()) {
    EXPECT_OK(ParseRecipe(BuiltInRecipe(name)));
  }
  EXPECT_EQ(BuiltInRecipe("int3"), "");
}

TEST(BuiltInRecipeTest, DoesWhatItsNameSays) {
  const std::string up = "model.layers.0.mlp.up_proj.weight";
  ASSERT_OK_AND_ASSIGN(const Recipe none, LoadRecipe("float"));
  EXPECT_EQ(CodecOf(none, up), "float");
  ASSERT_OK_AND_ASSIGN(const Recipe int8, LoadRecipe("int8"));
  EXPECT_EQ(CodecOf(int8, up), "int8");
  EXPECT_EQ(CodecOf(int8, "lm_head.weight"), "int8");
  ASSERT_OK_AND_ASSIGN(const Recipe int4, LoadRecipe("int4"));
  EXPECT_EQ(CodecOf(int4, up), "int4-progressive g32");
  EXPECT_EQ(CodecOf(int4, "lm_head.weight"), "int8");
  EXPECT_EQ(CodecOf(int4, "model.embed_tokens.weight"), "int8");
}

TEST(BuiltInRecipeTest, CalibratedOnesDoWhatTheirNamesSay) {
  const std::string up = "model.layers.0.mlp.up_proj.weight";
  const auto method_of = [](const Recipe& recipe, const std::string& name) {
    return std::string(MatchRule(recipe.quantize, name)->method->name);
  };
  for (const std::string name : {"float", "int8", "int4"}) {
    EXPECT_FALSE(LoadRecipe(name)->calibrated()) << name;
  }
  ASSERT_OK_AND_ASSIGN(const Recipe smooth, LoadRecipe("int8-smooth"));
  EXPECT_TRUE(smooth.calibrated());
  EXPECT_THAT(smooth.channel_scales, ElementsAre(ScaleRule::kSmoothQuant));
  EXPECT_EQ(CodecOf(smooth, up), "int8 a32");
  EXPECT_EQ(CodecOf(smooth, "lm_head.weight"), "int8 a32");
  ASSERT_OK_AND_ASSIGN(const Recipe awq, LoadRecipe("int4-awq"));
  EXPECT_TRUE(awq.calibrated());
  EXPECT_THAT(awq.channel_scales, ElementsAre(ScaleRule::kAwq));
  EXPECT_EQ(CodecOf(awq, up), "int4-progressive g32");
  EXPECT_EQ(method_of(awq, up), "round_to_nearest");
  ASSERT_OK_AND_ASSIGN(const Recipe gptq, LoadRecipe("int4-gptq"));
  EXPECT_TRUE(gptq.calibrated());
  EXPECT_THAT(gptq.channel_scales, IsEmpty());
  EXPECT_EQ(CodecOf(gptq, up), "int4-progressive g128");
  EXPECT_EQ(method_of(gptq, up), "gptq");
  ASSERT_OK_AND_ASSIGN(const Recipe best, LoadRecipe("int4-best"));
  EXPECT_THAT(best.channel_scales, ElementsAre(ScaleRule::kSmoothQuant));
  EXPECT_TRUE(best.propagates_error());
  EXPECT_FALSE(awq.propagates_error());
  EXPECT_EQ(CodecOf(best, up), "int4-progressive g32");
  EXPECT_EQ(method_of(best, up), "gptq");
  EXPECT_GT(MatchRule(best.quantize, up)->options.refine_sweeps, 0);
  EXPECT_EQ(CodecOf(best, "model.embed_tokens.weight"), "int8 a32");
}

TEST(BuiltInRecipeTest, EachIsTheSameAfterBeingWrittenOut) {
  for (const std::string& name : BuiltInRecipeNames()) {
    ASSERT_OK_AND_ASSIGN(const Recipe recipe, LoadRecipe(name));
    const std::string text = RecipeYaml(recipe);
    ASSERT_OK_AND_ASSIGN(const Recipe again, ParseRecipe(text));
    EXPECT_EQ(RecipeYaml(again), text);
    EXPECT_EQ(again.channel_scales, recipe.channel_scales);
    EXPECT_EQ(again.calibrated(), recipe.calibrated());
  }
}

TEST(RecipeTest, ChannelScalesAndBiasesNeedCalibrationToo) {
  const auto calibrated = [](const std::string& yaml) {
    return ParseRecipe(yaml)->calibrated();
  };
  EXPECT_FALSE(calibrated("{}"));
  EXPECT_FALSE(calibrated("quantize: [{tensors: x, codec: int4}]"));
  EXPECT_FALSE(calibrated("quantize: [{tensors: x, codec: float}]"));
  EXPECT_FALSE(
      calibrated("quantize: [{tensors: x, codec: int4, method: hqq}]"));
  EXPECT_TRUE(
      calibrated("quantize: [{tensors: x, codec: int4, method: gptq}]"));
  EXPECT_TRUE(calibrated("channel_scales: [awq]"));
  EXPECT_TRUE(calibrated(
      "quantize: [{tensors: x, codec: int4, bias_correction: true}]"));
}

TEST(LoadRecipeTest, ReadsAFile) {
  const TempFolder folder;
  folder.Write("mine.yaml", "quantize:\n  - {tensors: '*', codec: int8}\n");
  ASSERT_OK_AND_ASSIGN(const Recipe recipe,
                       LoadRecipe(folder.Path("mine.yaml")));
  EXPECT_EQ(CodecOf(recipe, "x"), "int8");
}

TEST(LoadRecipeTest, NamesTheFileThatIsWrong) {
  const TempFolder folder;
  folder.Write("mine.yaml", "quantize:\n  - {tensors: '*', codec: int5}\n");
  EXPECT_THAT(
      LoadRecipe(folder.Path("mine.yaml")),
      StatusIs(kInvalid, AllOf(HasSubstr("mine.yaml"), HasSubstr("line 2"),
                               HasSubstr("int5"))));
}

TEST(LoadRecipeTest, ListsTheBuiltInsWhenThereIsNoSuchRecipe) {
  EXPECT_THAT(
      LoadRecipe("int3"),
      StatusIs(kInvalid, HasSubstr("'int3' is neither a file nor built in; "
                                   "built in are float, int8, int4, "
                                   "int8-smooth, int4-awq, int4-gptq, "
                                   "int4-best")));
}

TEST(MatchRuleTest, FirstRuleWithAMatchingPatternWins) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(R"(
quantize:
  - {tensors: [lm_head.weight, "*.v_proj.*"], codec: float}
  - {tensors: "*_proj.*", codec: int4, group_size: 64}
  - {tensors: "*", codec: int8}
)"));
  EXPECT_EQ(MatchRule(recipe.quantize, "lm_head.weight"), &recipe.quantize[0]);
  EXPECT_EQ(MatchRule(recipe.quantize, "a.v_proj.weight"), &recipe.quantize[0]);
  EXPECT_EQ(MatchRule(recipe.quantize, "a.k_proj.weight"), &recipe.quantize[1]);
  EXPECT_EQ(MatchRule(recipe.quantize, "anything"), &recipe.quantize[2]);
  EXPECT_EQ(MatchRule(recipe.prune, "anything"), nullptr);
}

TEST(RecipeYamlTest, WritesEveryDefaultOut) {
  ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(R"(
prune:
  - {tensors: "*", sparsity: 0.5}
quantize:
  - {tensors: a, codec: int4}
  - {tensors: [b, c], codec: int8}
  - {tensors: d, codec: float}
  - {tensors: e, codec: int4-progressive, group_size: 64}
  - {tensors: f, codec: int8, activation_group_size: 32}
  - {tensors: g, codec: int8, method: gptq}
  - {tensors: h, codec: int4, bias_correction: true}
channel_scales: [awq]
)"));
  EXPECT_EQ(RecipeYaml(recipe), R"(channel_scales: [awq]
prune:
  - tensors: ['*']
    method: magnitude
    scope: tensor
    sparsity: 0.5
quantize:
  - tensors: ['a']
    codec: int4
    method: round_to_nearest
    group_size: 32
    symmetric: true
    scale: absmax
  - tensors: ['b', 'c']
    codec: int8
    method: round_to_nearest
    activation_group_size: 0
    scale: absmax
  - tensors: ['d']
    codec: float
  - tensors: ['e']
    codec: int4-progressive
    method: round_to_nearest
    group_size: 64
    scale: absmax
  - tensors: ['f']
    codec: int8
    method: round_to_nearest
    activation_group_size: 32
    scale: absmax
  - tensors: ['g']
    codec: int8
    method: gptq
    activation_group_size: 0
    scale: absmax
    damping: 0.01
    error_propagation: 0
    act_order: true
    refine: 0
  - tensors: ['h']
    codec: int4
    method: round_to_nearest
    group_size: 32
    symmetric: true
    scale: absmax
    bias_correction: true
)");
}

// Written, read and written again; every field survives.
TEST(RecipeYamlTest, GivesTheRecipeAgainWhenParsed) {
  for (const std::string yaml :
       {"prune: [{tensors: [x, \"it's\", '\\', ' a: b #c', '- d', '*?'], "
        "sparsity: 0.123456789012345, scope: global}]",
        "quantize: [{tensors: 'ü*', codec: int4, group_size: 128, "
        "symmetric: false, scale: least_squares}]",
        "quantize: [{tensors: x, codec: int4-progressive, group_size: 128}]",
        "quantize: [{tensors: x, codec: int8, activation_group_size: 32, "
        "scale: least_squares}]",
        "channel_scales: [awq, smooth, awq]",
        "quantize: [{tensors: x, codec: int4, method: gptq, damping: 0.0123, "
        "act_order: false, refine: 100}]",
        "quantize: [{tensors: x, codec: int8, method: gptq, damping: 0}]",
        "quantize: [{tensors: x, codec: int4, method: scale_search, "
        "damping: 0.1}]",
        "quantize: [{tensors: x, codec: int4, method: hqq, "
        "bias_correction: true}]",
        "quantize: []", "{}"}) {
    ASSERT_OK_AND_ASSIGN(const Recipe recipe, ParseRecipe(yaml));
    const std::string text = RecipeYaml(recipe);
    ASSERT_OK_AND_ASSIGN(const Recipe again, ParseRecipe(text));
    EXPECT_EQ(RecipeYaml(again), text);
    EXPECT_EQ(again.channel_scales, recipe.channel_scales);
    ASSERT_EQ(again.prune.size(), recipe.prune.size());
    for (size_t i = 0; i < recipe.prune.size(); ++i) {
      EXPECT_EQ(again.prune[i].tensors, recipe.prune[i].tensors);
      EXPECT_EQ(again.prune[i].method, recipe.prune[i].method);
      EXPECT_EQ(again.prune[i].global, recipe.prune[i].global);
      EXPECT_EQ(again.prune[i].sparsity, recipe.prune[i].sparsity);
    }
    ASSERT_EQ(again.quantize.size(), recipe.quantize.size());
    for (size_t i = 0; i < recipe.quantize.size(); ++i) {
      EXPECT_EQ(again.quantize[i].tensors, recipe.quantize[i].tensors);
      EXPECT_EQ(again.quantize[i].method, recipe.quantize[i].method);
      EXPECT_EQ(again.quantize[i].options.codec,
                recipe.quantize[i].options.codec);
      EXPECT_EQ(again.quantize[i].options.group_size,
                recipe.quantize[i].options.group_size);
      EXPECT_EQ(again.quantize[i].options.scale,
                recipe.quantize[i].options.scale);
      EXPECT_EQ(again.quantize[i].options.damping,
                recipe.quantize[i].options.damping);
      EXPECT_EQ(again.quantize[i].options.act_order,
                recipe.quantize[i].options.act_order);
      EXPECT_EQ(again.quantize[i].options.refine_sweeps,
                recipe.quantize[i].options.refine_sweeps);
      EXPECT_EQ(again.quantize[i].bias_correction,
                recipe.quantize[i].bias_correction);
    }
  }
}

}  // namespace
}  // namespace ounce
