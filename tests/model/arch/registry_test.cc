#include "model/arch/registry.h"

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

absl::StatusOr<ModelSpec> Parse(const std::string& config) {
  return ParseModelConfig(*ParseJson(config), nullptr);
}

// A small Llama with `more` members, which begin with a comma.
std::string Config(const std::string& more) {
  return R"({"model_type": "llama", "hidden_size": 64,
             "intermediate_size": 160)" +
         more + "}";
}

absl::StatusOr<std::vector<int32_t>> StopIds(const std::string& config_value,
                                             const std::string& generation) {
  const Json other = *ParseJson(generation);
  absl::StatusOr<ModelSpec> spec = ParseModelConfig(
      *ParseJson(Config(", \"eos_token_id\": " + config_value)), &other);
  if (!spec.ok()) return spec.status();
  return spec->stop_ids;
}

TEST(FindArchitectureTest, FindsEachByItsModelType) {
  ASSERT_OK_AND_ASSIGN(const Architecture* llama, FindArchitecture("llama"));
  EXPECT_EQ(llama->model_type, "llama");
  ASSERT_OK_AND_ASSIGN(const Architecture* mistral,
                       FindArchitecture("mistral"));
  EXPECT_EQ(mistral->model_type, "mistral");
}

TEST(FindArchitectureTest, ModelTypesAreUnique) {
  for (const Architecture* architecture : AllArchitectures()) {
    EXPECT_EQ(*FindArchitecture(architecture->model_type), architecture);
  }
}

TEST(ParseModelConfigTest, RefusesAnUnknownModelTypeAndListsTheKnown) {
  EXPECT_THAT(Parse(R"({"model_type": "mamba"})"),
              StatusIs(kUnimplemented, AllOf(HasSubstr("\"mamba\""),
                                             HasSubstr("llama, mistral"))));
}

TEST(ParseModelConfigTest, RefusesAConfigWithoutModelType) {
  EXPECT_THAT(Parse(R"({"hidden_size": 64})"),
              StatusIs(kInvalid, HasSubstr("model_type")));
  EXPECT_THAT(Parse(R"({"model_type": 7})"),
              StatusIs(kInvalid, HasSubstr("model_type")));
}

TEST(ParseModelConfigTest, RefusesWhatIsNoObject) {
  EXPECT_THAT(Parse("[1]"), StatusIs(kInvalid, HasSubstr("array")));
  EXPECT_THAT(Parse("null"), StatusIs(kInvalid, HasSubstr("object")));
}

TEST(ParseModelConfigTest, RefusesAQuantizedCheckpoint) {
  EXPECT_THAT(Parse(Config(R"(, "quantization_config": {"bits": 4})")),
              StatusIs(kInvalid, AllOf(HasSubstr("quantization_config"),
                                       HasSubstr("float checkpoint"))));
  EXPECT_OK(Parse(Config(R"(, "quantization_config": null)")));
}

TEST(ParseModelConfigTest, RefusesAnUnknownActivationOrScaling) {
  EXPECT_THAT(Parse(Config(R"(, "hidden_act": "mish")")),
              StatusIs(kUnimplemented, HasSubstr("mish")));
  EXPECT_THAT(
      Parse(Config(R"(, "rope_scaling": {"type": "mrope", "factor": 2})")),
      StatusIs(kUnimplemented, HasSubstr("mrope")));
}

TEST(ParseModelConfigTest, KeepsTheModelTypeAsArchitecture) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       Parse(R"({"model_type": "mistral"})"));
  EXPECT_EQ(spec.architecture, "mistral");
  EXPECT_EQ(spec.window, 4096);
}

TEST(ParseModelConfigTest, StopIdsOfTheGenerationConfigWin) {
  EXPECT_THAT(*StopIds("2", R"({"eos_token_id": [3, 4]})"), ElementsAre(3, 4));
}

TEST(ParseModelConfigTest, StopIdsOfTheConfigAreTheFallback) {
  EXPECT_THAT(*StopIds("2", R"({})"), ElementsAre(2));
  EXPECT_THAT(*StopIds("[2, 5]", R"({"eos_token_id": null})"),
              ElementsAre(2, 5));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       Parse(Config(R"(, "eos_token_id": 9)")));
  EXPECT_THAT(spec.stop_ids, ElementsAre(9));
}

TEST(ParseModelConfigTest, RefusesANegativeStopIdInEitherFile) {
  EXPECT_THAT(StopIds("-1", "{}"), StatusIs(kInvalid, HasSubstr("token id")));
  EXPECT_THAT(StopIds("2", R"({"eos_token_id": [1, -7]})"),
              StatusIs(kInvalid, HasSubstr("token id")));
}

// Nothing that a config can say gets through to shape arithmetic unchecked.
TEST(ParseModelConfigTest, NamesTheFieldOfANonsenseNumber) {
  const std::pair<std::string, std::string> cases[] = {
      {R"(, "num_attention_heads": 0)", "heads is 0"},
      {R"(, "num_key_value_heads": 3)", "multiple of 3"},
      {R"(, "num_key_value_heads": 0)", "kv_heads is 0"},
      {R"(, "vocab_size": -5)", "vocab is -5"},
      {R"(, "hidden_size_x": 1, "head_dim": -2)", "head_dim is -2"},
      {R"(, "num_hidden_layers": 1e300)", "num_hidden_layers"},
      {R"(, "num_hidden_layers": 0)", "layers is 0"},
      {R"(, "max_position_embeddings": -1)", "max_context is -1"},
      {R"(, "rms_norm_eps": 0)", "norm_epsilon is 0"},
      {R"(, "rms_norm_eps": -1e-6)", "norm_epsilon"},
      {R"(, "rms_norm_eps": "NaN")", "rms_norm_eps"},
      {R"(, "rope_theta": 0)", "rotary base is 0"},
      {R"(, "vocab_size": 9223372036854775807)",
       "vocab is 9223372036854775807"},
  };
  for (const auto& [more, words] : cases) {
    EXPECT_THAT(Parse(Config(more)), StatusIs(kInvalid, HasSubstr(words)))
        << more;
  }
}

}  // namespace
}  // namespace ounce
