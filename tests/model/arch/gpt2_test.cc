// GPT-2.
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(Gpt2Test, HasLearnedPositionsLayerNormsAndBiases) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gpt2"));
  EXPECT_EQ(spec.position, PositionKind::kLearned);
  EXPECT_EQ(spec.position_rows(), 1024);
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_EQ(spec.residual, ResidualOrder::kSerial);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
  EXPECT_FALSE(spec.head_bias);
  EXPECT_EQ(spec.attention_scale, 0.0);
  EXPECT_FALSE(spec.attention_scale_by_layer);
}

TEST(Gpt2Test, ReadsItsOwnKeysAndTheUsualNames) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec own,
      FamilySpec("gpt2", R"("n_embd": 64, "n_layer": 3, "n_head": 4,
        "n_positions": 128, "n_inner": 100, "layer_norm_epsilon": 1e-4,
        "activation_function": "relu", "tie_word_embeddings": false)"));
  EXPECT_EQ(own.width, 64);
  EXPECT_EQ(own.layers, 3);
  EXPECT_EQ(own.heads, 4);
  EXPECT_EQ(own.max_context, 128);
  EXPECT_EQ(own.ffn, 100);
  EXPECT_EQ(own.norm_epsilon, 1e-4);
  EXPECT_EQ(own.activation, ActivationKind::kRelu);
  EXPECT_FALSE(own.tied_head);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec usual,
      FamilySpec("gpt2", R"("hidden_size": 64, "num_attention_heads": 4,
                            "n_inner": null)"));
  EXPECT_EQ(usual.head_dim, 16);
  EXPECT_EQ(usual.ffn, 256);
}

TEST(Gpt2Test, ScoresMayBeUnscaledOrScaledByLayer) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gpt2", R"("scale_attn_weights": false,
                            "scale_attn_by_inverse_layer_idx": true)"));
  EXPECT_EQ(spec.attention_scale, 1.0);
  EXPECT_TRUE(spec.attention_scale_by_layer);
}

}  // namespace
}  // namespace ounce
