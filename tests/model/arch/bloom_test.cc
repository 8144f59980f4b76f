// BLOOM.
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(BloomTest, ScoresAreBiasedByDistanceAndEmbeddingsNormed) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("bloom"));
  EXPECT_EQ(spec.position, PositionKind::kAlibi);
  EXPECT_EQ(spec.alibi_scale, 1.0);
  EXPECT_FALSE(spec.alibi_bf16);
  EXPECT_TRUE(spec.embedding_norm);
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_EQ(spec.residual, ResidualOrder::kSerial);
  EXPECT_FALSE(spec.residual_from_norm);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
}

// bloom-560m's config.
TEST(BloomTest, ReadsTheOlderKeys) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("bloom", R"("n_embed": 1024, "n_inner": null, "n_layer": 24,
        "num_attention_heads": 16, "offset_alibi": 100, "skip_bias_add": true,
        "masked_softmax_fusion": true, "vocab_size": 250880)"));
  EXPECT_EQ(spec.width, 1024);
  EXPECT_EQ(spec.ffn, 4096);
  EXPECT_EQ(spec.layers, 24);
  EXPECT_EQ(spec.heads, 16);
  EXPECT_EQ(spec.max_context, 2048);
}

TEST(BloomTest, NewerKeysAndTheContext) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("bloom", R"("hidden_size": 96, "n_head": 12,
                             "num_hidden_layers": 5, "seq_length": 512)"));
  EXPECT_EQ(spec.width, 96);
  EXPECT_EQ(spec.head_dim, 8);
  EXPECT_EQ(spec.layers, 5);
  EXPECT_EQ(spec.max_context, 512);
}

TEST(BloomTest, TheResidualMayGoOnFromTheNorm) {
  EXPECT_TRUE(
      FamilySpec("bloom", R"("apply_residual_connection_post_layernorm": true)")
          ->residual_from_norm);
}

// The reference's feed-forward has a fixed width and activation.
TEST(BloomTest, IgnoresKeysThatItsReferenceIgnores) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("bloom", R"("intermediate_size": 5, "hidden_act": "relu",
                             "activation_function": "relu")"));
  EXPECT_EQ(spec.ffn, 256);
  EXPECT_EQ(spec.activation, ActivationKind::kGeluTanh);
}

}  // namespace
}  // namespace ounce
