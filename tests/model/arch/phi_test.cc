// Phi 1 to 2, and Phi 3 and 4.
#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(PhiTest, SubLayersShareANormAndEverythingHasABias) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("phi"));
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_EQ(spec.residual, ResidualOrder::kParallelShared);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
  EXPECT_TRUE(spec.head_bias);
  EXPECT_EQ(spec.qk_norm, QkNorm::kNone);
}

TEST(PhiTest, TurnsTheShareOfAHeadThatTheConfigSays) {
  // phi-2: 0.4 of 80.
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("phi", R"("hidden_size": 2560,
                                            "partial_rotary_factor": 0.4)"));
  EXPECT_EQ(spec.rotary.dims, 32);
}

TEST(PhiTest, NormsHeadsOnDemandAndReadsItsEpsilon) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("phi", R"("qk_layernorm": true,
                                            "layer_norm_eps": 1e-4)"));
  EXPECT_EQ(spec.qk_norm, QkNorm::kHead);
  EXPECT_EQ(spec.norm_epsilon, 1e-4);
}

TEST(Phi3Test, IsALlamaWithoutBiases) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("phi3"));
  EXPECT_EQ(spec.norm, NormKind::kRms);
  EXPECT_EQ(spec.residual, ResidualOrder::kSerial);
  EXPECT_TRUE(spec.gated_ffn);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
  EXPECT_EQ(spec.window, 0);
  EXPECT_EQ(FamilySpec("phi3", R"("sliding_window": 2047)")->window, 2047);
}

// A head of 8, half of which is turned: two factors.
TEST(Phi3Test, LongContextsDivideEachFrequency) {
  for (const std::string type : {"longrope", "su"}) {
    ASSERT_OK_AND_ASSIGN(
        const ModelSpec spec,
        FamilySpec("phi3", R"("hidden_size": 32, "num_attention_heads": 4,
          "max_position_embeddings": 131072, "partial_rotary_factor": 0.5,
          "rope_scaling": {"type": ")" +
                               type + R"(",
          "short_factor": [1.0, 1.1], "long_factor": [1.5, 60]})"));
    EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLongRope);
    // The family's, as the config does not say.
    EXPECT_EQ(spec.rotary.original_context, 4096);
    EXPECT_EQ(spec.rotary.dims, 4);
    EXPECT_DOUBLE_EQ(spec.rotary.attention_factor,
                     std::sqrt(1.0 + std::log(32.0) / std::log(4096.0)));
  }
}

TEST(Phi3Test, RefusesOtherScalingsAndAnotherNumberOfFactors) {
  EXPECT_THAT(
      FamilySpec("phi3", R"("rope_scaling": {"type": "linear", "factor": 2})"),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("longrope")));
  EXPECT_THAT(FamilySpec("phi3", R"("rope_scaling": {"type": "longrope",
                           "short_factor": [1], "long_factor": [1]})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("longrope factors is 1; expected 48")));
}

}  // namespace
}  // namespace ounce
