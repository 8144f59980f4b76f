#include "model/arch/config_reader.h"

#include <string>
#include <vector>

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

TEST(ParseActivationTest, KnowsEveryNameOfEachActivation) {
  EXPECT_EQ(*ParseActivation("silu"), ActivationKind::kSilu);
  EXPECT_EQ(*ParseActivation("swish"), ActivationKind::kSilu);
  EXPECT_EQ(*ParseActivation("gelu"), ActivationKind::kGelu);
  EXPECT_EQ(*ParseActivation("gelu_python"), ActivationKind::kGelu);
  for (const std::string tanh : {"gelu_new", "gelu_fast", "gelu_accurate",
                                 "gelu_pytorch_tanh", "gelu_python_tanh"}) {
    EXPECT_EQ(*ParseActivation(tanh), ActivationKind::kGeluTanh) << tanh;
  }
  EXPECT_EQ(*ParseActivation("quick_gelu"), ActivationKind::kQuickGelu);
  EXPECT_EQ(*ParseActivation("relu"), ActivationKind::kRelu);
  EXPECT_EQ(*ParseActivation("relu2"), ActivationKind::kReluSquared);
  EXPECT_EQ(*ParseActivation("tanh"), ActivationKind::kTanh);
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

TEST(ConfigReaderTest, GivesValuesAndFallbacksForAbsentOrNullKeys) {
  const Json config = *ParseJson(R"({"a": 3, "b": 0.5, "c": true, "d": "x",
                                     "n": null})");
  ConfigReader reader(config);
  EXPECT_EQ(reader.Int("a", 1), 3);
  EXPECT_EQ(reader.Int("n", 1), 1);
  EXPECT_EQ(reader.Double("b", 1.0), 0.5);
  EXPECT_EQ(reader.Double("zz", 1.0), 1.0);
  EXPECT_TRUE(reader.Bool("c", false));
  EXPECT_EQ(reader.String("d", "y"), "x");
  EXPECT_TRUE(reader.Has("n"));
  EXPECT_FALSE(reader.HasValue("n"));
  EXPECT_FALSE(reader.Has("zz"));
  EXPECT_OK(reader.status());
}

TEST(ConfigReaderTest, FirstOfIsTheFirstWithAValueElseTheFirst) {
  const Json config = *ParseJson(R"({"a": null, "b": 1, "c": 2})");
  const ConfigReader reader(config);
  ConfigReader copy = reader;
  EXPECT_EQ(copy.FirstOf({"a", "b", "c"}), "b");
  EXPECT_EQ(copy.FirstOf({"c", "b"}), "c");
  EXPECT_EQ(copy.FirstOf({"x", "a"}), "x");
}

TEST(ConfigReaderTest, ListsHoldOneType) {
  const Json config = *ParseJson(
      R"({"s": ["a", "b"], "i": [1, 0], "mixed": ["a", 1], "no": 3,
          "null": null})");
  ConfigReader reader(config);
  EXPECT_THAT(reader.Strings("s"), ElementsAre("a", "b"));
  EXPECT_THAT(reader.Ints("i"), ElementsAre(1, 0));
  EXPECT_THAT(reader.Strings("absent"), IsEmpty());
  EXPECT_THAT(reader.Ints("null"), IsEmpty());
  EXPECT_OK(reader.status());
  for (const std::string key : {"mixed", "no"}) {
    ConfigReader strings(config);
    strings.Strings(key);
    EXPECT_THAT(strings.status(),
                StatusIs(kInvalid, AllOf(HasSubstr(key),
                                         HasSubstr("a list of strings"))));
    ConfigReader ints(config);
    ints.Ints(key);
    EXPECT_THAT(ints.status(), StatusIs(kInvalid, HasSubstr("of integers")));
  }
}

TEST(ConfigReaderTest, TheFirstErrorStays) {
  const Json config = *ParseJson(R"({"a": "x", "b": "y"})");
  ConfigReader reader(config);
  EXPECT_EQ(reader.Int("a", 7), 7);
  EXPECT_EQ(reader.Int("b", 8), 8);
  reader.Refuse(true, "everything");
  reader.Fail(absl::InternalError("later"));
  EXPECT_THAT(reader.status(), StatusIs(kInvalid, HasSubstr("\"a\"")));
}

TEST(ConfigReaderTest, RefusesByName) {
  const Json config = *ParseJson("{}");
  ConfigReader reader(config);
  reader.Refuse(false, "nothing");
  EXPECT_OK(reader.status());
  reader.Refuse(true, "\"flag\": true");
  EXPECT_THAT(
      reader.status(),
      StatusIs(kUnimplemented, HasSubstr("\"flag\": true is not supported")));
}

TEST(LayerKindsOfTest, SlidingLayersAreWindowed) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<LayerKind> kinds,
      LayerKindsOf({"sliding_attention", "full_attention"}, 2));
  ASSERT_EQ(kinds.size(), 2u);
  EXPECT_TRUE(kinds[0].windowed);
  EXPECT_FALSE(kinds[1].windowed);
}

TEST(LayerKindsOfTest, RefusesAnotherNumberAndAnotherType) {
  EXPECT_THAT(LayerKindsOf({"full_attention"}, 2),
              StatusIs(kInvalid, AllOf(HasSubstr("1 entries"),
                                       HasSubstr("each of 2 layers"))));
  EXPECT_THAT(LayerKindsOf({"linear_attention"}, 1),
              StatusIs(kUnimplemented, HasSubstr("\"linear_attention\"")));
}

}  // namespace
}  // namespace ounce
