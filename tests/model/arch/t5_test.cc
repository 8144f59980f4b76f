// T5 and mT5.
#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(T5Test, EncoderAndDecoderDifferInLayersAlone) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("t5", R"("num_layers": 5, "num_decoder_layers": 3,
                          "d_kv": 20, "d_ff": 77, "num_heads": 3)"));
  EXPECT_EQ(spec.layers, 3);
  EXPECT_EQ(spec.encoder.layers, 5);
  EXPECT_EQ(spec.encoder.heads, 3);
  EXPECT_EQ(spec.head_dim, 20);
  EXPECT_EQ(spec.encoder.head_dim, 20);
  EXPECT_EQ(spec.encoder.ffn, 77);
  EXPECT_EQ(spec.encoder.vocab, 0);
  EXPECT_EQ(spec.norm, NormKind::kRms);
  EXPECT_EQ(spec.attention_scale, 1.0);
  EXPECT_EQ(spec.position, PositionKind::kRelative);
  EXPECT_EQ(spec.relative_buckets, 32);
  EXPECT_EQ(spec.relative_max_distance, 128);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
  // As many decode as encode unless the config says otherwise.
  EXPECT_EQ(FamilySpec("t5", R"("num_layers": 5)")->layers, 5);
}

TEST(T5Test, FeedForwardByItsName) {
  const auto read = [](const std::string& name) {
    return *FamilySpec("t5", "\"feed_forward_proj\": \"" + name + "\"");
  };
  EXPECT_FALSE(read("relu").gated_ffn);
  EXPECT_EQ(read("relu").activation, ActivationKind::kRelu);
  // This one name stands for the approximation.
  EXPECT_TRUE(read("gated-gelu").gated_ffn);
  EXPECT_EQ(read("gated-gelu").activation, ActivationKind::kGeluTanh);
  EXPECT_EQ(read("gelu").activation, ActivationKind::kGelu);
  EXPECT_TRUE(read("gated-silu").gated_ffn);
  EXPECT_EQ(read("gated-silu").activation, ActivationKind::kSilu);
  for (const std::string bad : {"gated", "gated-", "up-down", ""}) {
    EXPECT_THAT(
        FamilySpec("t5", "\"feed_forward_proj\": \"" + bad + "\""),
        StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("activation")))
        << bad;
  }
}

TEST(T5Test, LogitsAreScaledWhereAConfigSaysTied) {
  const double scale = 1.0 / std::sqrt(512.0);
  EXPECT_EQ(FamilySpec("t5")->logit_scale, scale);
  EXPECT_EQ(FamilySpec("t5", R"("tie_word_embeddings": false)")->logit_scale,
            1.0);
  EXPECT_EQ(FamilySpec("t5", R"("tie_word_embeddings": false,
                                "scale_decoder_outputs": true)")
                ->logit_scale,
            scale);
  EXPECT_EQ(FamilySpec("t5", R"("tie_word_embeddings": true,
                                "scale_decoder_outputs": false)")
                ->logit_scale,
            1.0);
  for (const char* members : {"", R"("tie_word_embeddings": true)",
                              R"("tie_word_embeddings": false)"}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec mt5, FamilySpec("mt5", members));
    EXPECT_EQ(mt5.logit_scale, 1.0);
    EXPECT_TRUE(mt5.tied_head);
    EXPECT_TRUE(FamilySpec("t5", members)->tied_head);
  }
}

TEST(T5Test, AbsurdNumbersAreNamed) {
  const struct {
    std::string member, words;
  } kBad[] = {
      {R"("d_kv": 0)", "head_dim is 0"},
      {R"("d_kv": -9223372036854775808)", "head_dim"},
      {R"("relative_attention_num_buckets": 0)", "relative_buckets is 0"},
      {R"("relative_attention_num_buckets": 3)", "relative_buckets is 3"},
      {R"("relative_attention_num_buckets": 9223372036854775807)",
       "relative_buckets"},
      {R"("relative_attention_max_distance": 16)",
       "relative_max_distance is 16; expected 17"},
      {R"("relative_attention_max_distance": -1)", "relative_max_distance"},
      {R"("num_decoder_layers": 0)", "layers is 0"},
      {R"("num_layers": 0, "num_decoder_layers": 2)", "encoder"},
      {R"("decoder_start_token_id": -5)", "\"decoder_start_token_id\" -5"},
  };
  for (const auto& bad : kBad) {
    const auto spec = FamilySpec("t5", bad.member);
    EXPECT_FALSE(spec.ok()) << bad.member;
    EXPECT_THAT(spec.status().message(), HasSubstr(bad.words)) << bad.member;
  }
  EXPECT_OK(FamilySpec("t5", R"("relative_attention_num_buckets": 33)"));
}

}  // namespace
}  // namespace ounce
