// GPT-J.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(GptJTest, TurnsNeighboursOfTheFirstValuesOfAHead) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gptj", R"("rotary_dim": 32)"));
  EXPECT_TRUE(spec.rotary.adjacent_pairs);
  EXPECT_EQ(spec.rotary.dims, 32);
}

TEST(GptJTest, SubLayersShareANormAndOnlySomeMatricesHaveABias) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("gptj"));
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_EQ(spec.residual, ResidualOrder::kParallelShared);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias);
  EXPECT_TRUE(spec.ffn_bias);
  EXPECT_TRUE(spec.head_bias);
}

TEST(GptJTest, IgnoresRotaryKeysThatItsReferenceHasNot) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("gptj", R"("rope_theta": 3.0)"));
  EXPECT_EQ(spec.rotary.base, 10000.0);
}

TEST(GptJTest, RefusesARotaryWidthThatIsNone) {
  for (const std::string value : {"null", "0", "-2"}) {
    EXPECT_THAT(FamilySpec("gptj", "\"rotary_dim\": " + value),
                StatusIs(absl::StatusCode::kUnimplemented,
                         HasSubstr("\"rotary_dim\"")));
  }
  EXPECT_THAT(FamilySpec("gptj", R"("rotary_dim": 7)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("rotary dims is 7")));
  EXPECT_THAT(FamilySpec("gptj", R"("rotary_dim": 258)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("rotary dims is 258; expected 2 to 256")));
}

}  // namespace
}  // namespace ounce
