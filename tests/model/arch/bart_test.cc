// BART, mBART and Marian.
#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(BartTest, EncoderAndDecoderHaveSizesOfTheirOwn) {
  for (const std::string family : {"bart", "mbart", "marian"}) {
    ASSERT_OK_AND_ASSIGN(
        const ModelSpec spec,
        FamilySpec(family, R"("d_model": 48, "encoder_layers": 2,
            "decoder_layers": 3, "encoder_attention_heads": 4,
            "decoder_attention_heads": 6, "encoder_ffn_dim": 50,
            "decoder_ffn_dim": 60)"));
    EXPECT_EQ(spec.layers, 3);
    EXPECT_EQ(spec.heads, 6);
    EXPECT_EQ(spec.head_dim, 8);
    EXPECT_EQ(spec.ffn, 60);
    EXPECT_EQ(spec.encoder.layers, 2);
    EXPECT_EQ(spec.encoder.heads, 4);
    EXPECT_EQ(spec.encoder.head_dim, 12);
    EXPECT_EQ(spec.encoder.ffn, 50);
    EXPECT_TRUE(spec.head_bias && spec.qkv_bias && spec.ffn_bias);
    EXPECT_EQ(spec.norm_epsilon, 1e-5);
    EXPECT_EQ(spec.embedding_scale, 1.0);
    EXPECT_EQ(FamilySpec(family, R"("d_model": 64,
                                    "scale_embedding": true)")
                  ->embedding_scale,
              8.0);
  }
}

TEST(BartTest, PositionsAndNormsOfEach) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec bart, FamilySpec("bart"));
  EXPECT_EQ(bart.position, PositionKind::kLearned);
  EXPECT_EQ(bart.position_offset, 2);
  EXPECT_EQ(bart.norm_placement, NormPlacement::kSum);
  EXPECT_TRUE(bart.embedding_norm);
  EXPECT_FALSE(bart.final_norm);
  ASSERT_OK_AND_ASSIGN(const ModelSpec mbart, FamilySpec("mbart"));
  EXPECT_EQ(mbart.position_offset, 2);
  EXPECT_EQ(mbart.norm_placement, NormPlacement::kInput);
  EXPECT_TRUE(mbart.embedding_norm && mbart.final_norm);
  ASSERT_OK_AND_ASSIGN(const ModelSpec marian, FamilySpec("marian"));
  EXPECT_EQ(marian.position, PositionKind::kSinusoidal);
  EXPECT_EQ(marian.norm_placement, NormPlacement::kSum);
  EXPECT_FALSE(marian.embedding_norm || marian.final_norm);
}

TEST(MarianTest, TwoVocabulariesWhereTheyAreNotShared) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec shared,
                       FamilySpec("marian", R"("vocab_size": 100,
                                               "decoder_vocab_size": 90)"));
  EXPECT_EQ(shared.vocab, 100);
  EXPECT_EQ(shared.encoder.vocab, 0);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec apart,
      FamilySpec("marian", R"("vocab_size": 100, "decoder_vocab_size": 90,
                              "share_encoder_decoder_embeddings": false)"));
  EXPECT_EQ(apart.vocab, 90);
  EXPECT_EQ(apart.encoder.vocab, 100);
  EXPECT_EQ(EncoderOf(apart).vocab, 100);
  for (const std::string absent : {"", R"(, "decoder_vocab_size": null)"}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec same,
                         FamilySpec("marian", R"("vocab_size": 100,
                                "share_encoder_decoder_embeddings": false)" +
                                                  absent));
    EXPECT_EQ(same.vocab, 100);
    EXPECT_EQ(same.encoder.vocab, 100);
  }
}

TEST(BartTest, AbsurdNumbersAreNamed) {
  for (const std::string family : {"bart", "mbart", "marian"}) {
    for (const std::string key :
         {"encoder_layers", "encoder_attention_heads", "encoder_ffn_dim",
          "decoder_layers", "decoder_attention_heads", "decoder_ffn_dim"}) {
      for (const std::string value :
           {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
        EXPECT_THAT(
            FamilySpec(family, "\"" + key + "\": " + value),
            StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("expected")))
            << family << key << value;
      }
    }
  }
  EXPECT_THAT(
      FamilySpec("marian", R"("decoder_vocab_size": 0,
                                      "share_encoder_decoder_embeddings":
                                      false)"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("vocab is 0")));
}

}  // namespace
}  // namespace ounce
