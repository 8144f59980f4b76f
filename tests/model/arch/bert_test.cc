// BERT, RoBERTa, XLM-RoBERTa and ELECTRA.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(BertTest, SeesBothSidesAndNormsAfterTheSums) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("bert"));
  EXPECT_FALSE(spec.causal);
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_EQ(spec.norm_placement, NormPlacement::kSum);
  EXPECT_FALSE(spec.final_norm);
  EXPECT_TRUE(spec.embedding_norm);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
  EXPECT_EQ(spec.position, PositionKind::kLearned);
  EXPECT_EQ(spec.position_offset, 0);
  EXPECT_EQ(spec.unplaced_id, -1);
  EXPECT_EQ(spec.token_types, 2);
  EXPECT_EQ(FamilySpec("bert", R"("type_vocab_size": 3)")->token_types, 3);
}

TEST(BertTest, HeadsHaveTheReferencesTransforms) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec masked,
      FamilySpec("bert", R"("architectures": ["BertForMaskedLM"],
                            "hidden_act": "gelu_new")"));
  EXPECT_TRUE(masked.head_bias && masked.transform.norm);
  EXPECT_EQ(masked.transform.activation, ActivationKind::kGeluTanh);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec classifier,
      FamilySpec("bert",
                 R"("architectures": ["BertForSequenceClassification"])"));
  EXPECT_TRUE(classifier.transform.present);
  EXPECT_FALSE(classifier.transform.norm);
  EXPECT_EQ(classifier.transform.activation, ActivationKind::kTanh);
  EXPECT_EQ(classifier.pooling, Pooling::kFirst);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec tokens,
      FamilySpec("bert", R"("architectures": ["BertForTokenClassification"])"));
  EXPECT_FALSE(tokens.transform.present);
}

TEST(RobertaTest, PositionsBeginBehindThePaddingsId) {
  for (const std::string family : {"roberta", "xlm-roberta"}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                         FamilySpec(family, R"("pad_token_id": 7,
                                               "max_position_embeddings": 514)"));
    EXPECT_EQ(spec.unplaced_id, 7);
    EXPECT_EQ(spec.position_offset, 8);
    EXPECT_EQ(spec.max_context, 506);
    EXPECT_EQ(spec.position_rows(), 514);
  }
  // The reference counts from 0 then.
  ASSERT_OK_AND_ASSIGN(const ModelSpec none,
                       FamilySpec("roberta", R"("pad_token_id": -1)"));
  EXPECT_EQ(none.position_offset, 0);
}

TEST(RobertaTest, AbsurdPaddingIsNamed) {
  for (const std::string family : {"roberta", "xlm-roberta"}) {
    for (const std::string pad :
         {"-2", "511", "512", "9223372036854775807", "-9223372036854775808"}) {
      EXPECT_THAT(FamilySpec(family, "\"pad_token_id\": " + pad),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           HasSubstr("\"pad_token_id\" is " + pad)));
    }
    EXPECT_OK(FamilySpec(family, R"("pad_token_id": 510)"));
    for (const std::string positions : {"0", "-1", "-9223372036854775808"}) {
      EXPECT_THAT(
          FamilySpec(family, "\"max_position_embeddings\": " + positions),
          StatusIs(absl::StatusCode::kInvalidArgument,
                   HasSubstr("\"max_position_embeddings\", " + positions)));
    }
    EXPECT_THAT(FamilySpec(family, R"("max_position_embeddings":
                                      9223372036854775807)"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("max_context is 9223372036854775805")));
  }
}

TEST(ElectraTest, ProjectsNarrowEmbeddingsAlone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec narrow, FamilySpec("electra"));
  EXPECT_EQ(narrow.embedding_width, 128);
  EXPECT_TRUE(narrow.embedding_projected_last);
  ASSERT_OK_AND_ASSIGN(const ModelSpec wide,
                       FamilySpec("electra", R"("embedding_size": 256)"));
  EXPECT_EQ(wide.embedding_width, 0);
  EXPECT_FALSE(wide.embedding_projected_last);
  EXPECT_THAT(FamilySpec("electra", R"("embedding_size": -1)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("embedding width is -1")));
}

TEST(ElectraTest, DiscriminatorHasNoPoolerAndItsClassifierGelu) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec base,
      FamilySpec("electra", R"("architectures": ["ElectraForPreTraining"])"));
  EXPECT_EQ(base.head, HeadKind::kNone);
  EXPECT_FALSE(base.transform.present);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec classifier,
      FamilySpec("electra", R"("hidden_act": "relu", "architectures":
                               ["ElectraForSequenceClassification"])"));
  EXPECT_EQ(classifier.transform.activation, ActivationKind::kGelu);
}

}  // namespace
}  // namespace ounce
