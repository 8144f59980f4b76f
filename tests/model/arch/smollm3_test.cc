// SmolLM3.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(SmolLm3Test, EveryFourthLayerTurnsNothing) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("smollm3", R"("num_hidden_layers": 9)"));
  EXPECT_EQ(Turns(spec), "ggg-ggg-g");
  EXPECT_EQ(Windows(spec), "---------");
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec third,
      FamilySpec("smollm3",
                 R"("num_hidden_layers": 6, "no_rope_layer_interval": 3)"));
  EXPECT_EQ(Turns(third), "gg-gg-");
}

TEST(SmolLm3Test, ListedOnesAreTheLayersThatTurn) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       FamilySpec("smollm3", R"("num_hidden_layers": 3,
        "no_rope_layer_interval": 2, "no_rope_layers": [0, 1, 1, 0])"));
  EXPECT_EQ(Turns(spec), "-gg");
}

TEST(SmolLm3Test, WindowsAreOnDemandAndOfTheLayersThatTurnNothing) {
  const std::string layers = R"("num_hidden_layers": 4, "sliding_window": 64)";
  EXPECT_EQ(Windows(*FamilySpec("smollm3", layers)), "----");
  EXPECT_EQ(Windows(*FamilySpec("smollm3",
                                layers + R"(, "use_sliding_window": true)")),
            "---w");
  EXPECT_EQ(Windows(*FamilySpec("smollm3", layers + R"(, "layer_types": [
              "sliding_attention", "full_attention", "sliding_attention",
              "full_attention"])")),
            "w-w-");
  EXPECT_EQ(Windows(*FamilySpec("smollm3", R"("num_hidden_layers": 4,
              "use_sliding_window": true)")),
            "----");
}

TEST(SmolLm3Test, RefusesAShortListAndAnIntervalOfNothing) {
  EXPECT_THAT(FamilySpec("smollm3", R"("num_hidden_layers": 3,
                                       "no_rope_layers": [1, 1])"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("\"no_rope_layers\" has 2 entries")));
  EXPECT_THAT(FamilySpec("smollm3", R"("no_rope_layer_interval": 0)"),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("no_rope_layer_interval")));
}

TEST(SmolLm3Test, BiasesAreOnDemand) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec none, FamilySpec("smollm3"));
  EXPECT_FALSE(none.qkv_bias || none.output_bias || none.ffn_bias);
  ASSERT_OK_AND_ASSIGN(
      const ModelSpec all,
      FamilySpec("smollm3", R"("attention_bias": true, "mlp_bias": true)"));
  EXPECT_TRUE(all.qkv_bias && all.output_bias && all.ffn_bias);
}

}  // namespace
}  // namespace ounce
