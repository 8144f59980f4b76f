// DistilBERT.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(DistilBertTest, HasItsOwnKeysAndNeitherKindsNorPooler) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("distilbert", R"("dim": 96, "n_layers": 2, "n_heads": 3,
                                  "hidden_dim": 100, "activation": "relu",
                                  "layer_norm_eps": 0.5)"));
  EXPECT_EQ(spec.width, 96);
  EXPECT_EQ(spec.layers, 2);
  EXPECT_EQ(spec.heads, 3);
  EXPECT_EQ(spec.head_dim, 32);
  EXPECT_EQ(spec.ffn, 100);
  EXPECT_EQ(spec.activation, ActivationKind::kRelu);
  EXPECT_EQ(spec.norm_epsilon, 1e-12);  // No key of it.
  EXPECT_EQ(spec.token_types, 0);
  EXPECT_EQ(spec.head, HeadKind::kNone);
  EXPECT_FALSE(spec.transform.present);
}

TEST(DistilBertTest, ClassifiesTextsByReluAndTokensDirectly) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec text,
                       FamilySpec("distilbert", R"("architectures":
                                  ["DistilBertForSequenceClassification"])"));
  EXPECT_TRUE(text.transform.present);
  EXPECT_EQ(text.transform.activation, ActivationKind::kRelu);
  ASSERT_OK_AND_ASSIGN(const ModelSpec tokens,
                       FamilySpec("distilbert", R"("architectures":
                                  ["DistilBertForTokenClassification"])"));
  EXPECT_FALSE(tokens.transform.present);
  EXPECT_EQ(tokens.labels.size(), 2u);
}

}  // namespace
}  // namespace ounce
