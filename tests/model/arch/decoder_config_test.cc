#include "model/arch/decoder_config.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ReadDecoder() of `config`; it must succeed.
ModelSpec Read(const DecoderDefaults& defaults, const std::string& config) {
  const Json json = *ParseJson(config);
  ConfigReader reader(json);
  ModelSpec spec = ReadDecoder(defaults, &reader);
  EXPECT_OK(reader.status());
  return spec;
}

TEST(ReadDecoderTest, OwnKeysCountBeforeTheUsualOnes) {
  const DecoderDefaults defaults = {.keys = {.width = "n_embd",
                                             .layers = "n_layer",
                                             .heads = "n_head",
                                             .max_context = "n_positions"}};
  const ModelSpec own = Read(defaults, R"({"n_embd": 64, "n_layer": 3,
      "n_head": 4, "n_positions": 99, "hidden_size": 1})");
  EXPECT_EQ(own.width, 64);
  EXPECT_EQ(own.layers, 3);
  EXPECT_EQ(own.heads, 4);
  EXPECT_EQ(own.max_context, 99);
  const ModelSpec usual =
      Read(defaults, R"({"hidden_size": 32, "num_hidden_layers": 5,
      "num_attention_heads": 2, "max_position_embeddings": 77})");
  EXPECT_EQ(usual.width, 32);
  EXPECT_EQ(usual.layers, 5);
  EXPECT_EQ(usual.heads, 2);
  EXPECT_EQ(usual.max_context, 77);
}

TEST(ReadDecoderTest, KeysThatAFamilyHasNotAreNotRead) {
  const ModelSpec spec =
      Read({.activation = "relu",
            .keys = {.ffn = "",
                     .norm_epsilon = "",
                     .activation = "",
                     .grouped = false,
                     .rotary = false}},
           R"({"": 9, "num_attention_heads": 8, "num_key_value_heads": 2,
          "head_dim": 5, "rms_norm_eps": 1, "hidden_act": "silu",
          "rope_theta": 3, "intermediate_size": 7})");
  EXPECT_EQ(spec.kv_heads, 8);
  EXPECT_EQ(spec.head_dim, 4096 / 8);
  EXPECT_EQ(spec.ffn, 11008);
  EXPECT_EQ(spec.norm_epsilon, 1e-6);
  EXPECT_EQ(spec.activation, ActivationKind::kRelu);
  EXPECT_EQ(spec.rotary.base, 10000.0);
}

TEST(ReadDecoderTest, FeedForwardIsFourTimesAsWideUnlessGiven) {
  const DecoderDefaults defaults = {.ffn = 0, .keys = {.ffn = "n_inner"}};
  EXPECT_EQ(Read(defaults, R"({"hidden_size": 96})").ffn, 384);
  EXPECT_EQ(Read(defaults, R"({"hidden_size": 96, "n_inner": null})").ffn, 384);
  EXPECT_EQ(Read(defaults, R"({"hidden_size": 96, "n_inner": 100})").ffn, 100);
}

TEST(UsualLayerKindsTest, AreAsManyAsLayersUnlessThatIsAbsurd) {
  ModelSpec spec;
  spec.layers = 3;
  EXPECT_THAT(UsualLayerKinds(spec), SizeIs(3));
  for (const int64_t layers : {int64_t{0}, int64_t{-5}, int64_t{1} << 40}) {
    spec.layers = layers;
    EXPECT_THAT(UsualLayerKinds(spec), IsEmpty());
  }
}

TEST(ReadLayerKindsTest, LayerTypesCountBeforeTheRule) {
  ModelSpec spec;
  spec.layers = 3;
  spec.window = 8;
  const Json silent = *ParseJson(R"({"layer_types": null})");
  ConfigReader by_rule(silent);
  spec.layer_kinds = ReadLayerKinds(
      spec, [](int64_t layer) { return layer == 1; }, &by_rule);
  EXPECT_EQ(Windows(spec), "-w-");
  const Json listed = *ParseJson(R"({"layer_types": [
      "sliding_attention", "full_attention", "sliding_attention"]})");
  ConfigReader by_list(listed);
  spec.layer_kinds = ReadLayerKinds(
      spec, [](int64_t) { return true; }, &by_list);
  EXPECT_EQ(Windows(spec), "w-w");
  EXPECT_OK(by_list.status());
}

TEST(ReadLayerKindsTest, PassesOnWhatIsWrongWithTheTypes) {
  ModelSpec spec;
  spec.layers = 3;
  const Json config = *ParseJson(R"({"layer_types": ["full_attention"]})");
  ConfigReader reader(config);
  ReadLayerKinds(
      spec, [](int64_t) { return true; }, &reader);
  EXPECT_THAT(reader.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                        HasSubstr("1 entries")));
}

TEST(FinishTest, GivesTheReadersFirstError) {
  const Json config = *ParseJson(R"({"hidden_size": "x"})");
  ConfigReader reader(config);
  EXPECT_THAT(
      Finish(&reader, ReadDecoder({}, &reader)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("hidden_size")));
}

}  // namespace
}  // namespace ounce
