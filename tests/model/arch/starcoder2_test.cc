// StarCoder 2.
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

TEST(StarCoder2Test, HasLayerNormsAndNoGate) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec("starcoder2"));
  EXPECT_EQ(spec.norm, NormKind::kLayer);
  EXPECT_TRUE(spec.norm_bias);
  EXPECT_FALSE(spec.gated_ffn);
  EXPECT_TRUE(spec.qkv_bias && spec.output_bias && spec.ffn_bias);
  EXPECT_EQ(spec.window, 0);
}

TEST(StarCoder2Test, ReadsItsSwitches) {
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec spec,
      FamilySpec("starcoder2", R"("use_bias": false, "norm_epsilon": 1e-3,
                                  "sliding_window": 4096)"));
  EXPECT_FALSE(spec.qkv_bias || spec.output_bias || spec.ffn_bias);
  EXPECT_EQ(spec.norm_epsilon, 1e-3);
  EXPECT_EQ(spec.window, 4096);
  // Norms keep their biases.
  EXPECT_TRUE(spec.norm_bias);
}

}  // namespace
}  // namespace ounce
