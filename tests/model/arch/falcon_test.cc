// Falcon.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

// falcon-7b, which the defaults are.
TEST(FalconTest, OneKeyHeadAndOneNormByDefault) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("falcon"));
  EXPECT_EQ(spec.kv_heads, 1);
  EXPECT_EQ(spec.residual, ResidualOrder::kParallelShared);
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
}

// falcon-40b: groups of key heads and a norm for each sub-layer.
TEST(FalconTest, NewerLayersHaveGroupsAndTwoNorms) {
  const std::string newer =
      R"("hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
         "new_decoder_architecture": true)";
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("falcon", newer));
  EXPECT_EQ(spec.kv_heads, 8);
  EXPECT_EQ(spec.residual, ResidualOrder::kParallel);
  EXPECT_EQ(FamilySpec("falcon", newer + R"(, "num_ln_in_parallel_attn": 1)")
                ->residual,
            ResidualOrder::kParallelShared);
  EXPECT_EQ(FamilySpec("falcon", R"("hidden_size": 64, "n_head": 8,
                "n_head_kv": 2, "new_decoder_architecture": true)")
                ->kv_heads,
            2);
}

// falcon-rw-1b: serial, a key head for each head, biases, no rotary positions.
TEST(FalconTest, OldestLayersAreSerialWithBiasesByDistance) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("falcon", R"("hidden_size": 2048, "num_attention_heads": 32,
        "alibi": true, "bias": true, "multi_query": false,
        "parallel_attn": false)"));
  EXPECT_EQ(spec.kv_heads, 32);
  EXPECT_EQ(spec.residual, ResidualOrder::kSerial);
  EXPECT_EQ(spec.position, PositionKind::kAlibi);
  EXPECT_TRUE(spec.alibi_bf16);
  EXPECT_EQ(spec.alibi_scale, 0.125);  // 1 / sqrt(64)
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
}

TEST(FalconTest, ReadsOlderAndNewerKeys) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("falcon", R"("n_embed": 64, "n_layer": 3, "n_head": 8,
        "ffn_hidden_size": 100, "activation": "relu", "rope_theta": 5,
        "layer_norm_epsilon": 1e-3, "max_position_embeddings": 99,
        "tie_word_embeddings": false)"));
  EXPECT_EQ(spec.width, 64);
  EXPECT_EQ(spec.layers, 3);
  EXPECT_EQ(spec.heads, 8);
  EXPECT_EQ(spec.ffn, 100);
  EXPECT_EQ(spec.activation, ActivationKind::kRelu);
  EXPECT_EQ(spec.rotary.base, 5.0);
  EXPECT_EQ(spec.norm_epsilon, 1e-3);
  EXPECT_EQ(spec.max_context, 99);
  EXPECT_FALSE(spec.tied_head);
}

TEST(FalconTest, RefusesWhatTheReferenceCannotRun) {
  EXPECT_THAT(
      FamilySpec("falcon",
                 R"("new_decoder_architecture": true, "parallel_attn": false)"),
      StatusIs(kUnimplemented, HasSubstr("without \"parallel_attn\"")));
  EXPECT_THAT(FamilySpec("falcon", R"("num_ln_in_parallel_attn": 2)"),
              StatusIs(kUnimplemented, HasSubstr("num_ln_in_parallel_attn")));
  EXPECT_THAT(FamilySpec("falcon", R"("new_decoder_architecture": true,
                              "num_ln_in_parallel_attn": 3)"),
              StatusIs(kUnimplemented, HasSubstr("num_ln_in_parallel_attn")));
  EXPECT_THAT(
      FamilySpec("falcon", R"("multi_query": false, "num_kv_heads": 1)"),
      StatusIs(kUnimplemented, HasSubstr("\"num_kv_heads\"")));
}

}  // namespace
}  // namespace ounce
