// OPT.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(OptTest, LearnedPositionsBeginAtRowTwo) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("opt", R"("max_position_embeddings": 128)"));
  EXPECT_EQ(spec.position, PositionKind::kLearned);
  EXPECT_EQ(spec.position_offset, 2);
  EXPECT_EQ(spec.position_rows(), 130);
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_FALSE(spec.gated_ffn);
}

TEST(OptTest, NormsAreBeforeSubLayersUnlessTheConfigSaysAfterSums) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec before, FamilySpec("opt"));
  EXPECT_EQ(before.norm_placement, NormPlacement::kInput);
  EXPECT_TRUE(before.final_norm);
  EXPECT_FALSE(
      FamilySpec("opt", R"("_remove_final_layer_norm": true)")->final_norm);
  ASSERT_OK_AND_ASSIGN(const ModelSpec after,
                       FamilySpec("opt", R"("do_layer_norm_before": false)"));
  EXPECT_EQ(after.norm_placement, NormPlacement::kSum);
  EXPECT_FALSE(after.final_norm);
}

// opt-350m.
TEST(OptTest, EmbeddingsMayBeNarrower) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("opt", R"("hidden_size": 1024, "num_attention_heads": 16,
                           "word_embed_proj_dim": 512)"));
  EXPECT_EQ(spec.embedding_width, 512);
  EXPECT_EQ(spec.token_width(), 512);
  EXPECT_EQ(FamilySpec("opt", R"("word_embed_proj_dim": 768)")->embedding_width,
            0);
  EXPECT_EQ(
      FamilySpec("opt", R"("word_embed_proj_dim": null)")->embedding_width, 0);
}

TEST(OptTest, RefusesEmbeddingsOfNoWidth) {
  EXPECT_THAT(FamilySpec("opt", R"("word_embed_proj_dim": 0)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("word_embed_proj_dim")));
  EXPECT_THAT(FamilySpec("opt", R"("word_embed_proj_dim": -512)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("embedding width is -512")));
}

TEST(OptTest, BiasesAreOfAllMatricesOrNone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec all, FamilySpec("opt"));
  EXPECT_TRUE(all.qkv_bias && all.output_bias && all.ffn_bias);
  ASSERT_OK_AND_ASSIGN(const ModelSpec none,
                       FamilySpec("opt", R"("enable_bias": false)"));
  EXPECT_FALSE(none.qkv_bias || none.output_bias || none.ffn_bias);
}

TEST(OptTest, RefusesNormsWithoutWeights) {
  EXPECT_THAT(FamilySpec("opt", R"("layer_norm_elementwise_affine": false)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("layer_norm_elementwise_affine")));
}

}  // namespace
}  // namespace ounce
