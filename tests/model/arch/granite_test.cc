// Granite.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(GraniteTest, ScalesAreOneUnlessGiven) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("granite"));
  EXPECT_EQ(spec.embedding_scale, 1.0);
  // Not 1 / sqrt(head_dim).
  EXPECT_EQ(spec.attention_scale, 1.0);
  EXPECT_EQ(spec.residual_scale, 1.0);
  EXPECT_EQ(spec.logit_scale, 1.0);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
}

// granite-3.0-8b's numbers.
TEST(GraniteTest, LogitsAreDividedAndTheRestMultiplied) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("granite", R"("embedding_multiplier": 12.0,
        "attention_multiplier": 0.0078125, "residual_multiplier": 0.22,
        "logits_scaling": 16.0, "attention_bias": true, "mlp_bias": true)"));
  EXPECT_EQ(spec.embedding_scale, 12.0);
  EXPECT_EQ(spec.attention_scale, 0.0078125);
  EXPECT_EQ(spec.residual_scale, 0.22);
  EXPECT_EQ(spec.logit_scale, 0.0625);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
}

TEST(GraniteTest, RefusesScalesThatAreNotPositive) {
  EXPECT_THAT(FamilySpec("granite", R"("attention_multiplier": 0)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("attention_multiplier")));
  EXPECT_THAT(
      FamilySpec("granite", R"("logits_scaling": 0)"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("logit_scale")));
  EXPECT_THAT(FamilySpec("granite", R"("residual_multiplier": -1)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("residual_scale")));
}

}  // namespace
}  // namespace ounce
