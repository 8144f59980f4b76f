#include "model/arch/config_reader.h"

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
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

absl::StatusOr<RotarySpec> Rotary(const std::string& config) {
  return ParseRotary(*ParseJson(config), /*default_base=*/10000.0,
                     /*max_context=*/2048);
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
      Rotary(R"({"rope_scaling": {"type": "yarn", "rope_type": "linear",
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
      Rotary(R"({"rope_scaling": {"type": "yarn", "factor": 2}})"),
      StatusIs(kUnimplemented,
               AllOf(HasSubstr("rope_scaling"), HasSubstr("\"yarn\""),
                     HasSubstr("\"default\", \"linear\" and \"llama3\""))));
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

TEST(ParseActivationTest, KnowsEveryNameOfEachActivation) {
  EXPECT_EQ(*ParseActivation("silu"), ActivationKind::kSilu);
  EXPECT_EQ(*ParseActivation("swish"), ActivationKind::kSilu);
  EXPECT_EQ(*ParseActivation("gelu"), ActivationKind::kGelu);
  EXPECT_EQ(*ParseActivation("gelu_new"), ActivationKind::kGeluTanh);
  EXPECT_EQ(*ParseActivation("gelu_pytorch_tanh"), ActivationKind::kGeluTanh);
  EXPECT_EQ(*ParseActivation("relu"), ActivationKind::kRelu);
}

TEST(ParseActivationTest, RefusesAnUnknownOneAndListsTheKnown) {
  EXPECT_THAT(ParseActivation("mish"),
              StatusIs(kUnimplemented,
                       AllOf(HasSubstr("\"mish\""), HasSubstr("silu, swish"),
                             HasSubstr("relu"))));
}

TEST(ParseStopIdsTest, TakesANumberAListOrNothing) {
  EXPECT_THAT(*ParseStopIds(*ParseJson(R"({"eos_token_id": 2})")),
              ElementsAre(2));
  EXPECT_THAT(*ParseStopIds(*ParseJson(R"({"eos_token_id": [128001, 0]})")),
              ElementsAre(128001, 0));
  EXPECT_THAT(*ParseStopIds(*ParseJson(R"({"eos_token_id": []})")), IsEmpty());
  EXPECT_THAT(*ParseStopIds(*ParseJson(R"({"eos_token_id": null})")),
              IsEmpty());
  EXPECT_THAT(*ParseStopIds(*ParseJson("{}")), IsEmpty());
}

TEST(ParseStopIdsTest, RefusesWhatIsNoTokenId) {
  for (const std::string value : {"-1", "\"2\"", "[1, -2]", "[1, null]", "2.5",
                                  "2147483648", "true", "{}"}) {
    EXPECT_THAT(
        ParseStopIds(*ParseJson("{\"eos_token_id\": " + value + "}")),
        StatusIs(kInvalid, AllOf(HasSubstr("eos_token_id"),
                                 HasSubstr("a number or a list of numbers"))))
        << value;
  }
}

TEST(WithOptionalModelPrefixTest, OffersTheNameWithAndWithoutThePrefix) {
  EXPECT_THAT(WithOptionalModelPrefix("model.norm.weight"),
              ElementsAre("model.norm.weight", "norm.weight"));
  EXPECT_THAT(WithOptionalModelPrefix("lm_head.weight"),
              ElementsAre("lm_head.weight"));
}

}  // namespace
}  // namespace ounce
