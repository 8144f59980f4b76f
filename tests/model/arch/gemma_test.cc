// Gemma 1, 2 and 3.
#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(GemmaTest, NormsAreAroundOneAndEmbeddingsScaled) {
  for (const std::string family : {"gemma", "gemma2", "gemma3_text"}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                         FamilySpec(family, R"("hidden_size": 2304)"));
    EXPECT_EQ(spec.norm_offset, 1.0);
    EXPECT_EQ(spec.embedding_scale, 48.0);  // 48^2 = 2304.
    EXPECT_FALSE(spec.qkv_bias || spec.output_bias);
    ASSERT_OK_AND_ASSIGN(const ModelSpec biased,
                         FamilySpec(family, R"("attention_bias": true)"));
    EXPECT_TRUE(biased.qkv_bias && biased.output_bias);
  }
}

TEST(GemmaTest, ActivationOfEitherKey) {
  EXPECT_EQ(FamilySpec("gemma", R"("hidden_act": "gelu")")->activation,
            ActivationKind::kGelu);
  EXPECT_EQ(FamilySpec("gemma", R"("hidden_act": "gelu",
                "hidden_activation": "gelu_pytorch_tanh")")
                ->activation,
            ActivationKind::kGeluTanh);
  EXPECT_EQ(FamilySpec("gemma", R"("hidden_act": "gelu",
                "hidden_activation": null)")
                ->activation,
            ActivationKind::kGelu);
  // The later ones have one key.
  for (const std::string family : {"gemma2", "gemma3_text"}) {
    EXPECT_EQ(FamilySpec(family, R"("hidden_act": "silu")")->activation,
              ActivationKind::kGeluTanh);
    EXPECT_EQ(FamilySpec(family, R"("hidden_activation": "silu")")->activation,
              ActivationKind::kSilu);
  }
}

TEST(GemmaTest, TheFirstHasNeitherCapsNorWindowsNorNormsOfOutputs) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gemma"));
  EXPECT_EQ(spec.norm_placement, NormPlacement::kInput);
  EXPECT_EQ(spec.attention_soft_cap, 0.0);
  EXPECT_EQ(spec.logit_soft_cap, 0.0);
  EXPECT_EQ(spec.attention_scale, 0.0);
  EXPECT_EQ(spec.window, 0);
}

TEST(Gemma2Test, HasCapsByDefaultAndNullIsNone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gemma2"));
  EXPECT_EQ(spec.norm_placement, NormPlacement::kInputAndOutput);
  EXPECT_EQ(spec.attention_soft_cap, 50.0);
  EXPECT_EQ(spec.logit_soft_cap, 30.0);
  ASSERT_OK_AND_ASSIGN(const ModelSpec none,
                       FamilySpec("gemma2", R"("attn_logit_softcapping": null,
                              "final_logit_softcapping": null)"));
  EXPECT_EQ(none.attention_soft_cap, 0.0);
  EXPECT_EQ(none.logit_soft_cap, 0.0);
  ASSERT_OK_AND_ASSIGN(const ModelSpec third, FamilySpec("gemma3_text"));
  EXPECT_EQ(third.attention_soft_cap, 0.0);
  EXPECT_EQ(third.logit_soft_cap, 0.0);
}

TEST(Gemma2Test, ScoresAreScaledByTheScalarNotTheHead) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma2", R"("query_pre_attn_scalar": 144,
                                               "head_dim": 64)"));
  EXPECT_DOUBLE_EQ(spec.attention_scale, 1.0 / 12.0);
  EXPECT_DOUBLE_EQ(FamilySpec("gemma3_text")->attention_scale, 1.0 / 16.0);
  EXPECT_THAT(FamilySpec("gemma2", R"("query_pre_attn_scalar": 0)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       ::testing::HasSubstr("query_pre_attn_scalar")));
}

TEST(Gemma2Test, EveryOtherLayerFromTheFirstIsWindowed) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma2", R"("num_hidden_layers": 5)"));
  EXPECT_EQ(spec.window, 4096);
  EXPECT_EQ(Windows(spec), "w-w-w");
  EXPECT_EQ(Turns(spec), "ggggg");
  EXPECT_EQ(Windows(*FamilySpec("gemma2", R"("num_hidden_layers": 2,
                "layer_types": ["full_attention", "sliding_attention"])")),
            "-w");
}

TEST(Gemma3Test, FiveOfSixLayersAreWindowedWithAnglesOfTheirOwn) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma3_text", R"("num_hidden_layers": 8)"));
  EXPECT_EQ(spec.qk_norm, QkNorm::kHead);
  EXPECT_EQ(Windows(spec), "wwwww-ww");
  EXPECT_EQ(Turns(spec), "lllllgll");
  EXPECT_EQ(spec.rotary.base, 1e6);
  EXPECT_EQ(spec.local_rotary.base, 1e4);
  ASSERT_OK_AND_ASSIGN(const ModelSpec pairs,
                       FamilySpec("gemma3_text", R"("num_hidden_layers": 4,
                                   "sliding_window_pattern": 2)"));
  EXPECT_EQ(Turns(pairs), "lglg");
  EXPECT_THAT(FamilySpec("gemma3_text", R"("sliding_window_pattern": 0)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       ::testing::HasSubstr("sliding_window_pattern")));
}

// As gemma-3-4b's text_config has it.
TEST(Gemma3Test, ScalingOfTheOlderStyleIsForGlobalLayersAlone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma3_text", R"("rope_theta": 2000000.0,
        "rope_local_base_freq": 5000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0})"));
  EXPECT_EQ(spec.rotary.base, 2e6);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLinear);
  EXPECT_EQ(spec.rotary.factor, 8.0);
  EXPECT_EQ(spec.local_rotary.base, 5000.0);
  EXPECT_EQ(spec.local_rotary.scaling, RotaryScaling::kNone);
}

TEST(Gemma3Test, NewerStyleHasAPartForEachLayerType) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma3_text", R"("rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 4.0,
                           "rope_theta": 3000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 20000.0}
        })"));
  EXPECT_EQ(spec.rotary.base, 3e6);
  EXPECT_EQ(spec.rotary.factor, 4.0);
  EXPECT_EQ(spec.local_rotary.base, 20000.0);
  EXPECT_EQ(spec.local_rotary.scaling, RotaryScaling::kNone);
}

// Without a window the layers keep their own angles.
TEST(Gemma3Test, NullWindowLeavesTheAngles) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gemma3_text", R"("sliding_window": null,
                                                    "num_hidden_layers": 6)"));
  EXPECT_EQ(Windows(spec), "------");
  EXPECT_EQ(Turns(spec), "lllllg");
}

}  // namespace
}  // namespace ounce
