#include "model/arch/rotary_config.h"

#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr RotaryBasis kBasis = {.head_dim = 8, .max_context = 2048};

absl::StatusOr<RotarySpec> Rotary(const std::string& config) {
  return ParseRotary(*ParseJson(config), kBasis);
}

TEST(ParseRotaryTest, ConfigWithoutRotaryKeysHasTheDefaults) {
  ASSERT_OK_AND_ASSIGN(const RotarySpec rotary, Rotary("{}"));
  EXPECT_EQ(rotary.base, 10000.0);
  EXPECT_EQ(rotary.scaling, RotaryScaling::kNone);
  EXPECT_EQ(rotary.factor, 1.0);
}

TEST(ParseRotaryTest, OlderStyleHasBaseAtTheTopAndNullScaling) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_theta": 500000, "rope_scaling": null})"));
  EXPECT_EQ(rotary.base, 500000.0);
  EXPECT_EQ(rotary.scaling, RotaryScaling::kNone);
}

TEST(ParseRotaryTest, OlderStyleCallsTheKindTypeOrRopeType) {
  for (const std::string key : {"type", "rope_type"}) {
    ASSERT_OK_AND_ASSIGN(const RotarySpec rotary,
                         Rotary(R"({"rope_theta": 7.5, "rope_scaling": {")" +
                                key + R"(": "linear", "factor": 4.0}})"));
    EXPECT_EQ(rotary.scaling, RotaryScaling::kLinear) << key;
    EXPECT_EQ(rotary.factor, 4.0);
    EXPECT_EQ(rotary.base, 7.5);
  }
}

TEST(ParseRotaryTest, RopeTypeWinsOverType) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_scaling": {"type": "llama3", "rope_type": "linear",
                                  "factor": 2}})"));
  EXPECT_EQ(rotary.scaling, RotaryScaling::kLinear);
}

TEST(ParseRotaryTest, Llama3ScalingHasFourNumbers) {
  ASSERT_OK_AND_ASSIGN(const RotarySpec rotary,
                       Rotary(R"({"rope_theta": 500000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.5,
        "high_freq_factor": 5.0, "original_max_position_embeddings": 8000}})"));
  EXPECT_EQ(rotary.scaling, RotaryScaling::kLlama3);
  EXPECT_EQ(rotary.factor, 32.0);
  EXPECT_EQ(rotary.low_freq_factor, 1.5);
  EXPECT_EQ(rotary.high_freq_factor, 5.0);
  EXPECT_EQ(rotary.original_context, 8000);
}

TEST(ParseRotaryTest, Llama3FallsBackOnTheModelsContext) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_parameters": {"rope_type": "llama3", "factor": 8,
                 "low_freq_factor": 1, "high_freq_factor": 4}})"));
  EXPECT_EQ(rotary.original_context, 2048);
}

TEST(ParseRotaryTest, NewerStyleHoldsTheBaseToo) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_parameters": {"rope_type": "linear", "factor": 3,
                                     "rope_theta": 1234.0}})"));
  EXPECT_EQ(rotary.base, 1234.0);
  EXPECT_EQ(rotary.scaling, RotaryScaling::kLinear);
  EXPECT_EQ(rotary.factor, 3.0);
}

TEST(ParseRotaryTest, NewerStyleWinsOverTheOlder) {
  ASSERT_OK_AND_ASSIGN(const RotarySpec rotary, Rotary(R"({"rope_theta": 1.0,
                 "rope_scaling": {"type": "linear", "factor": 9},
                 "rope_parameters": {"rope_type": "default",
                                     "rope_theta": 2.0}})"));
  EXPECT_EQ(rotary.base, 2.0);
  EXPECT_EQ(rotary.scaling, RotaryScaling::kNone);
}

TEST(ParseRotaryTest, RefusesAnUnknownScalingAndListsTheKnown) {
  EXPECT_THAT(
      Rotary(R"({"rope_scaling": {"type": "mrope", "factor": 2}})"),
      StatusIs(kUnimplemented,
               AllOf(HasSubstr("rope_scaling"), HasSubstr("\"mrope\""),
                     HasSubstr("default, linear, dynamic, yarn, llama3, "
                               "longrope"))));
}

TEST(ParseRotaryTest, NamesWhatIsMissingOrOfAWrongType) {
  EXPECT_THAT(Rotary(R"({"rope_scaling": {"type": "linear"}})"),
              StatusIs(kInvalid, HasSubstr("factor")));
  EXPECT_THAT(Rotary(R"({"rope_scaling": {"type": "linear", "factor": "2"}})"),
              StatusIs(kInvalid, HasSubstr("factor")));
  EXPECT_THAT(Rotary(R"({"rope_scaling": {"type": "llama3", "factor": 8,
                         "low_freq_factor": 1}})"),
              StatusIs(kInvalid, HasSubstr("high_freq_factor")));
  EXPECT_THAT(Rotary(R"({"rope_scaling": "linear"})"),
              StatusIs(kInvalid, AllOf(HasSubstr("rope_scaling"),
                                       HasSubstr("expected an object"))));
  EXPECT_THAT(Rotary(R"({"rope_theta": "10000"})"),
              StatusIs(kInvalid, HasSubstr("rope_theta")));
}

TEST(ParseRotaryTest, DynamicScalingGrowsFromTheModelsContext) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_scaling": {"type": "dynamic", "factor": 4}})"));
  EXPECT_EQ(rotary.scaling, RotaryScaling::kDynamic);
  EXPECT_EQ(rotary.factor, 4.0);
  EXPECT_EQ(rotary.original_context, 2048);
}

// The attention factor of YaRN (arXiv:2309.00071, section 3.4):
// 0.1 ln(factor) + 1.
TEST(ParseRotaryTest, YarnHasTheReferencesDefaults) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_parameters": {"rope_type": "yarn", "factor": 4,
                 "original_max_position_embeddings": 512}})"));
  EXPECT_EQ(rotary.scaling, RotaryScaling::kYarn);
  EXPECT_EQ(rotary.factor, 4.0);
  EXPECT_EQ(rotary.original_context, 512);
  EXPECT_EQ(rotary.beta_fast, 32.0);
  EXPECT_EQ(rotary.beta_slow, 1.0);
  EXPECT_TRUE(rotary.truncate);
  EXPECT_DOUBLE_EQ(rotary.attention_factor, 0.1 * std::log(4.0) + 1.0);
}

TEST(ParseRotaryTest, YarnReadsEveryValue) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"rope_scaling": {"rope_type": "yarn", "factor": 40,
                 "original_max_position_embeddings": 64, "beta_fast": 16,
                 "beta_slow": 2, "truncate": false, "mscale": 0.5,
                 "mscale_all_dim": 2}})"));
  EXPECT_EQ(rotary.beta_fast, 16.0);
  EXPECT_EQ(rotary.beta_slow, 2.0);
  EXPECT_FALSE(rotary.truncate);
  EXPECT_DOUBLE_EQ(rotary.attention_factor, (0.05 * std::log(40.0) + 1.0) /
                                                (0.2 * std::log(40.0) + 1.0));
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec given,
      Rotary(R"({"rope_scaling": {"rope_type": "yarn", "factor": 40,
                                  "attention_factor": 1.25}})"));
  EXPECT_EQ(given.attention_factor, 1.25);
}

// LongRoPE (arXiv:2402.13753): sqrt(1 + ln(factor) / ln(original context)),
// the factor being how often the original context fits the model's: 2048 / 64.
TEST(ParseRotaryTest, LongRopeDividesEachFrequency) {
  for (const std::string type : {"longrope", "su"}) {
    ASSERT_OK_AND_ASSIGN(
        const RotarySpec rotary,
        Rotary(R"({"original_max_position_embeddings": 64, "rope_scaling": {
          "type": ")" +
               type + R"(", "short_factor": [1, 1.5, 2, 3],
          "long_factor": [4, 5, 6, 7.5]}})"));
    EXPECT_EQ(rotary.scaling, RotaryScaling::kLongRope);
    EXPECT_EQ(rotary.original_context, 64);
    EXPECT_THAT(rotary.short_factors, ElementsAre(1.0, 1.5, 2.0, 3.0));
    EXPECT_THAT(rotary.long_factors, ElementsAre(4.0, 5.0, 6.0, 7.5));
    EXPECT_DOUBLE_EQ(rotary.attention_factor,
                     std::sqrt(1.0 + std::log(32.0) / std::log(64.0)));
  }
}

TEST(ParseRotaryTest, LongRopeTakesAFactorThatIsGiven) {
  ASSERT_OK_AND_ASSIGN(
      const RotarySpec rotary,
      Rotary(R"({"original_max_position_embeddings": 64, "rope_scaling": {
        "type": "longrope", "factor": 8, "short_factor": [1, 1, 1, 1],
        "long_factor": [1, 1, 1, 1]}})"));
  EXPECT_DOUBLE_EQ(rotary.attention_factor,
                   std::sqrt(1.0 + std::log(8.0) / std::log(64.0)));
}

TEST(ParseRotaryTest, LongRopeNamesAListThatIsMissingOrMixed) {
  EXPECT_THAT(Rotary(R"({"rope_scaling": {"type": "longrope",
                                          "short_factor": [1]}})"),
              StatusIs(kInvalid, HasSubstr("long_factor")));
  EXPECT_THAT(Rotary(R"({"rope_scaling": {"type": "longrope",
                         "short_factor": [1, "2"], "long_factor": [1]}})"),
              StatusIs(kInvalid,
                       AllOf(HasSubstr("short_factor"), HasSubstr("string"))));
}

TEST(ParseRotaryTest, OriginalContextOfTheConfigCountsBeforeTheScalings) {
  const std::string scaling =
      R"("rope_scaling": {"rope_type": "yarn", "factor": 2,
                          "original_max_position_embeddings": 100}})";
  EXPECT_EQ(Rotary("{" + scaling)->original_context, 100);
  EXPECT_EQ(Rotary(R"({"original_max_position_embeddings": 50, )" + scaling)
                ->original_context,
            50);
  RotaryBasis basis = kBasis;
  basis.original_context = 4096;  // As the Phi 3 family has it.
  EXPECT_EQ(ParseRotary(*ParseJson("{" + scaling), basis)->original_context,
            4096);
}

TEST(ParseRotaryTest, PartOfAHeadIsTurned) {
  EXPECT_EQ(Rotary(R"({"partial_rotary_factor": 0.5})")->dims, 4);
  EXPECT_EQ(
      Rotary(R"({"rope_parameters": {"partial_rotary_factor": 0.25}})")->dims,
      2);
  // All of it.
  EXPECT_EQ(Rotary(R"({"partial_rotary_factor": 1.0})")->dims, 0);
  // As Python's int() does.
  EXPECT_EQ(Rotary(R"({"partial_rotary_factor": 0.3})")->dims, 2);
}

TEST(ParseRotaryTest, RefusesAShareThatIsNone) {
  for (const std::string share : {"0", "-0.5", "1.5"}) {
    EXPECT_THAT(Rotary("{\"partial_rotary_factor\": " + share + "}"),
                StatusIs(kInvalid, HasSubstr("rotary share")))
        << share;
  }
  EXPECT_THAT(Rotary(R"({"partial_rotary_factor": 0.01})"),
              StatusIs(kInvalid, HasSubstr("is none")));
}

TEST(ParseRotaryTest, LayerTypesHaveParts) {
  const Json config = *ParseJson(R"({"rope_theta": 5.0, "rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8,
                         "rope_theta": 1000000.0},
      "sliding_attention": {"rope_type": "default", "rope_theta": 7.0}}})");
  ASSERT_OK_AND_ASSIGN(const RotarySpec full,
                       ParseRotary(config, kBasis, "full_attention"));
  EXPECT_EQ(full.base, 1000000.0);
  EXPECT_EQ(full.scaling, RotaryScaling::kLinear);
  ASSERT_OK_AND_ASSIGN(const RotarySpec sliding,
                       ParseRotary(config, kBasis, "sliding_attention"));
  EXPECT_EQ(sliding.base, 7.0);
  EXPECT_EQ(sliding.scaling, RotaryScaling::kNone);
}

TEST(ParseRotaryTest, PartOnlyIgnoresWhatIsForTheOtherLayers) {
  RotaryBasis basis = kBasis;
  basis.base = 3.0;
  basis.part_only = true;
  ASSERT_OK_AND_ASSIGN(const RotarySpec rotary,
                       ParseRotary(*ParseJson(R"({"rope_theta": 5.0,
                      "partial_rotary_factor": 0.5,
                      "rope_scaling": {"type": "linear", "factor": 8}})"),
                                   basis, "sliding_attention"));
  EXPECT_EQ(rotary.base, 3.0);
  EXPECT_EQ(rotary.dims, 0);
  EXPECT_EQ(rotary.scaling, RotaryScaling::kNone);
}

}  // namespace
}  // namespace ounce
