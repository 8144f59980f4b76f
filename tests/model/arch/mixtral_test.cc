// Mixtral.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(MixtralTest, EveryLayerHasExpertsAsWideAsTheConfigSays) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("mixtral"));
  EXPECT_EQ(spec.experts.experts, 8);
  EXPECT_EQ(spec.experts.per_token, 2);
  EXPECT_EQ(spec.experts.ffn, 14336);
  EXPECT_EQ(spec.experts.shared_ffn, 0);
  EXPECT_TRUE(spec.experts.normalized);
  EXPECT_TRUE(spec.has_experts(0) && spec.has_experts(31));
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias);
}

TEST(MixtralTest, HasAWindowOnlyIfTheConfigSays) {
  EXPECT_EQ(FamilySpec("mixtral")->window, 0);
  EXPECT_EQ(FamilySpec("mixtral", R"("sliding_window": null)")->window, 0);
  EXPECT_EQ(FamilySpec("mixtral", R"("sliding_window": 4096)")->window, 4096);
}

TEST(MixtralTest, RefusesMoreExpertsForATokenThanThereAre) {
  EXPECT_THAT(FamilySpec("mixtral",
                         R"("num_local_experts": 4, "num_experts_per_tok": 5)"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("experts per token is 5")));
}

}  // namespace
}  // namespace ounce
