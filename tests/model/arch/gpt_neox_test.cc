// GPT-NeoX and Pythia.
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(GptNeoXTest, SubLayersAreParallelUnlessTheConfigSaysSerial) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gpt_neox"));
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_EQ(spec.residual, ResidualOrder::kParallel);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_EQ(
      FamilySpec("gpt_neox", R"("use_parallel_residual": false)")->residual,
      ResidualOrder::kSerial);
}

TEST(GptNeoXTest, AttentionsBiasesAreOnDemandTheFeedForwardsAlways) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gpt_neox"));
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
  ASSERT_OK_AND_ASSIGN(const ModelSpec none,
                       FamilySpec("gpt_neox", R"("attention_bias": false)"));
  EXPECT_FALSE(none.qkv_bias || none.output_bias);
  EXPECT_TRUE(none.ffn_bias);
}

TEST(GptNeoXTest, OlderAndNewerKeysOfTheRotaryPart) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec older,
      FamilySpec("gpt_neox", R"("rotary_pct": 0.5, "rotary_emb_base": 99)"));
  EXPECT_EQ(older.rotary.dims, 48);
  EXPECT_EQ(older.rotary.base, 99.0);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec newer,
      FamilySpec("gpt_neox", R"("rope_parameters": {"rope_type": "default",
        "rope_theta": 77, "partial_rotary_factor": 1.0})"));
  EXPECT_EQ(newer.rotary.dims, 0);
  EXPECT_EQ(newer.rotary.base, 77.0);
}

TEST(GptNeoXTest, HasAsManyKeyHeadsAsHeads) {
  EXPECT_EQ(FamilySpec("gpt_neox", R"("num_key_value_heads": 2)")->kv_heads,
            64);
}

}  // namespace
}  // namespace ounce
