// ModernBERT.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(ModernBertTest, EveryThirdLayerIsGlobal) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("modernbert", R"("num_hidden_layers": 7)"));
  EXPECT_EQ(Windows(spec), "-ww-ww-");
  EXPECT_EQ(Turns(spec), "gllgllg");
  // 64 to each side and the token itself.
  EXPECT_EQ(spec.window, 65);
  EXPECT_EQ(spec.rotary.base, 160000.0);
  EXPECT_EQ(spec.local_rotary.base, 10000.0);
  EXPECT_FALSE(spec.first_norm);
  EXPECT_FALSE(spec.norm_bias || spec.qkv_bias || spec.ffn_bias);
  EXPECT_TRUE(spec.gated_ffn && spec.final_norm && spec.embedding_norm);
  EXPECT_EQ(spec.norm_placement, NormPlacement::kInput);
}

TEST(ModernBertTest, EitherStyleOfConfig) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec older,
                       FamilySpec("modernbert", R"("num_hidden_layers": 4,
          "global_attn_every_n_layers": 2, "global_rope_theta": 123.0,
          "local_rope_theta": 45.0, "local_attention": 7)"));
  EXPECT_EQ(Windows(older), "-w-w");
  EXPECT_EQ(older.window, 4);
  EXPECT_EQ(older.rotary.base, 123.0);
  EXPECT_EQ(older.local_rotary.base, 45.0);
  ASSERT_OK_AND_ASSIGN(const ModelSpec newer,
                       FamilySpec("modernbert", R"("num_hidden_layers": 2,
          "layer_types": ["sliding_attention", "full_attention"],
          "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 123.0},
            "sliding_attention": {"rope_type": "default",
                                  "rope_theta": 45.0}})"));
  EXPECT_EQ(Turns(newer), "lg");
  EXPECT_EQ(newer.rotary.base, 123.0);
  EXPECT_EQ(newer.local_rotary.base, 45.0);
}

TEST(ModernBertTest, ClassifierPoolsAsTheConfigSays) {
  const std::string classifier =
      R"("architectures": ["ModernBertForSequenceClassification"])";
  EXPECT_EQ(FamilySpec("modernbert", classifier)->pooling, Pooling::kFirst);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec mean,
      FamilySpec("modernbert", classifier + R"(, "classifier_pooling": "mean",
                                   "classifier_bias": true,
                                   "classifier_activation": "relu")"));
  EXPECT_EQ(mean.pooling, Pooling::kMean);
  EXPECT_TRUE(mean.transform.bias && mean.transform.norm);
  EXPECT_EQ(mean.transform.activation, ActivationKind::kRelu);
  EXPECT_THAT(
      FamilySpec("modernbert", classifier + R"(, "classifier_pooling": "max")"),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("\"classifier_pooling\"")));
}

TEST(ModernBertTest, HeadBiasByItsKey) {
  const std::string masked = R"("architectures": ["ModernBertForMaskedLM"])";
  EXPECT_TRUE(FamilySpec("modernbert", masked)->head_bias);
  EXPECT_FALSE(FamilySpec("modernbert", masked + R"(, "decoder_bias": false)")
                   ->head_bias);
}

TEST(ModernBertTest, AbsurdWindowsAndIntervalsAreNamed) {
  for (const std::string value : {"-1", "-2", "-9223372036854775808"}) {
    EXPECT_THAT(FamilySpec("modernbert", "\"local_attention\": " + value),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("\"local_attention\"")));
  }
  EXPECT_THAT(
      FamilySpec("modernbert", R"("local_attention": 9223372036854775807)"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("window is")));
  // A token then sees itself alone, as in the reference.
  EXPECT_EQ(FamilySpec("modernbert", R"("local_attention": 0)")->window, 1);
  for (const std::string value : {"0", "-3", "-9223372036854775808"}) {
    EXPECT_THAT(
        FamilySpec("modernbert", "\"global_attn_every_n_layers\": " + value),
        StatusIs(absl::StatusCode::kUnimplemented,
                 HasSubstr("\"global_attn_every_n_layers\"")));
  }
}

}  // namespace
}  // namespace ounce
