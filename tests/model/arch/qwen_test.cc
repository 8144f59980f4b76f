// Qwen2, Qwen3 and their variants with experts.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(Qwen2Test, QueryKeyAndValueHaveBiasesAndTheOutputNone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("qwen2", R"("attention_bias": false)"));
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_FALSE(spec.output_bias || spec.ffn_bias);
  EXPECT_EQ(spec.qk_norm, QkNorm::kNone);
}

TEST(Qwen3Test, HeadsAreNormedAndBiasesOnDemand) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("qwen3"));
  EXPECT_EQ(spec.qk_norm, QkNorm::kHead);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias);
  ASSERT_OK_AND_ASSIGN(const ModelSpec biased,
                       FamilySpec("qwen3", R"("attention_bias": true)"));
  EXPECT_TRUE(biased.qkv_bias && biased.output_bias);
}

TEST(QwenTest, WindowsAreOnDemandFromMaxWindowLayersOn) {
  for (const std::string family : {"qwen2", "qwen3"}) {
    const std::string layers =
        R"("num_hidden_layers": 4, "max_window_layers": 2,
           "sliding_window": 16)";
    ASSERT_OK_AND_ASSIGN(const ModelSpec off, FamilySpec(family, layers));
    EXPECT_EQ(off.window, 0);
    EXPECT_EQ(Windows(off), "----");
    const std::string on = layers + R"(, "use_sliding_window": true)";
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec(family, on));
    EXPECT_EQ(spec.window, 16);
    EXPECT_EQ(Windows(spec), "--ww");
    ASSERT_OK_AND_ASSIGN(
        const ModelSpec typed,
        FamilySpec(family, on + R"(, "layer_types": ["sliding_attention",
           "full_attention", "full_attention", "sliding_attention"])"));
    EXPECT_EQ(Windows(typed), "w--w");
  }
}

TEST(QwenTest, AnAbsentWindowIsTheDefaultAndNullIsNone) {
  const std::string on =
      R"("use_sliding_window": true, "max_window_layers": 0)";
  EXPECT_EQ(FamilySpec("qwen2", on)->window, 4096);
  EXPECT_EQ(FamilySpec("qwen2", on + R"(, "sliding_window": null)")->window, 0);
}

TEST(QwenTest, RefusesLayerTypesItDoesNotKnowEvenWithoutAWindow) {
  EXPECT_THAT(FamilySpec("qwen3", R"("num_hidden_layers": 1,
                                     "layer_types": ["linear_attention"])"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("linear_attention")));
}

TEST(Qwen2MoeTest, ExpertsHaveTheReferenceDefaults) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("qwen2_moe"));
  EXPECT_EQ(spec.experts.experts, 60);
  EXPECT_EQ(spec.experts.per_token, 4);
  EXPECT_EQ(spec.experts.ffn, 1408);
  EXPECT_EQ(spec.experts.shared_ffn, 5632);
  EXPECT_FALSE(spec.experts.normalized);
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_FALSE(FamilySpec("qwen2_moe", R"("qkv_bias": false)")->qkv_bias);
}

TEST(Qwen3MoeTest, ExpertsHaveTheReferenceDefaults) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("qwen3_moe"));
  EXPECT_EQ(spec.experts.experts, 128);
  EXPECT_EQ(spec.experts.per_token, 8);
  EXPECT_EQ(spec.experts.ffn, 768);
  EXPECT_EQ(spec.experts.shared_ffn, 0);
  EXPECT_FALSE(spec.experts.normalized);
  EXPECT_EQ(spec.qk_norm, QkNorm::kHead);
  ASSERT_OK_AND_ASSIGN(const ModelSpec given,
                       FamilySpec("qwen3_moe", R"("num_local_experts": 16,
        "num_experts_per_tok": 2, "moe_intermediate_size": 96,
        "norm_topk_prob": true)"));
  EXPECT_EQ(given.experts.experts, 16);
  EXPECT_EQ(given.experts.per_token, 2);
  EXPECT_EQ(given.experts.ffn, 96);
  EXPECT_TRUE(given.experts.normalized);
}

TEST(QwenMoeTest, SomeLayersHaveNoExperts) {
  for (const std::string family : {"qwen2_moe", "qwen3_moe"}) {
    const std::string layers = R"("num_hidden_layers": 6)";
    EXPECT_EQ(Experts(*FamilySpec(family, layers)), "eeeeee");
    EXPECT_EQ(
        Experts(*FamilySpec(family, layers + R"(, "decoder_sparse_step": 2)")),
        "-e-e-e");
    EXPECT_EQ(Experts(*FamilySpec(family, layers +
                                              R"(, "decoder_sparse_step": 2,
                                                 "mlp_only_layers": [0, 3])")),
              "-e---e");
    EXPECT_EQ(
        Experts(*FamilySpec(family, layers + R"(, "mlp_only_layers": [0])")),
        "-eeeee");
    EXPECT_EQ(Experts(*FamilySpec(family, layers + R"(, "num_experts": 0)")),
              "------");
    EXPECT_THAT(FamilySpec(family, R"("decoder_sparse_step": 0)"),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("decoder_sparse_step")));
  }
}

TEST(QwenMoeTest, WindowsFollowEachFamilysOwnRule) {
  const std::string on = R"("num_hidden_layers": 5, "max_window_layers": 3,
                            "use_sliding_window": true, "sliding_window": 9)";
  EXPECT_EQ(Windows(*FamilySpec("qwen2_moe", on)), "w-w--");
  EXPECT_EQ(Windows(*FamilySpec("qwen3_moe", on)), "wwwww");
}

TEST(QwenMoeTest, WindowsAndRoutingGoTogether) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("qwen2_moe", R"("num_hidden_layers": 4,
        "use_sliding_window": true, "decoder_sparse_step": 2)"));
  EXPECT_EQ(Windows(spec), "w-w-");
  EXPECT_EQ(Experts(spec), "-e-e");
}

}  // namespace
}  // namespace ounce
