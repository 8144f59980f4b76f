// OLMo 2.
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(Olmo2Test, NormsWhatSubLayersGiveAndQueriesAndKeysAsAWhole) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("olmo2"));
  EXPECT_EQ(spec.norm, NormKind::kRms);
  EXPECT_EQ(spec.norm_placement, NormPlacement::kOutput);
  EXPECT_EQ(spec.qk_norm, QkNorm::kWhole);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
}

TEST(Olmo2Test, BiasIsOfAllProjectionsOfTheAttention) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("olmo2", R"("attention_bias": true)"));
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias);
  EXPECT_FALSE(spec.ffn_bias);
}

}  // namespace
}  // namespace ounce
