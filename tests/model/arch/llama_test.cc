// Llama and Mistral.
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/arch/families.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<ModelSpec> Llama(const std::string& config) {
  return kLlama.parse_config(*ParseJson(config));
}
absl::StatusOr<ModelSpec> Mistral(const std::string& config) {
  return kMistral.parse_config(*ParseJson(config));
}

// The defaults of LlamaConfig in transformers 5.12.
TEST(ParseLlamaConfigTest, AbsentKeysTakeTheReferenceDefaults) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Llama("{}"));
  EXPECT_EQ(spec.vocab, 32000);
  EXPECT_EQ(spec.width, 4096);
  EXPECT_EQ(spec.ffn, 11008);
  EXPECT_EQ(spec.layers, 32);
  EXPECT_EQ(spec.heads, 32);
  EXPECT_EQ(spec.kv_heads, 32);
  EXPECT_EQ(spec.head_dim, 128);
  EXPECT_EQ(spec.max_context, 2048);
  EXPECT_EQ(spec.norm_epsilon, 1e-6);
  EXPECT_EQ(spec.activation, ActivationKind::kSilu);
  EXPECT_EQ(spec.rotary.base, 10000.0);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kNone);
  EXPECT_EQ(spec.window, 0);
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_FALSE(spec.output_bias);
  EXPECT_FALSE(spec.ffn_bias);
  EXPECT_FALSE(spec.tied_head);
}

// The defaults of MistralConfig in transformers 5.12.
TEST(ParseMistralConfigTest, AbsentKeysTakeTheReferenceDefaults) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Mistral("{}"));
  EXPECT_EQ(spec.vocab, 32000);
  EXPECT_EQ(spec.width, 4096);
  EXPECT_EQ(spec.ffn, 14336);
  EXPECT_EQ(spec.layers, 32);
  EXPECT_EQ(spec.heads, 32);
  EXPECT_EQ(spec.kv_heads, 8);
  EXPECT_EQ(spec.head_dim, 128);
  EXPECT_EQ(spec.max_context, 131072);
  EXPECT_EQ(spec.norm_epsilon, 1e-6);
  EXPECT_EQ(spec.window, 4096);
  EXPECT_FALSE(spec.tied_head);
}

TEST(ParseLlamaConfigTest, ReadsEveryKey) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Llama(R"({
    "vocab_size": 320, "hidden_size": 64, "intermediate_size": 160,
    "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 24, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "hidden_act": "gelu_new", "rope_theta": 500.0, "attention_bias": true,
    "mlp_bias": true, "tie_word_embeddings": true})"));
  EXPECT_EQ(spec.vocab, 320);
  EXPECT_EQ(spec.width, 64);
  EXPECT_EQ(spec.ffn, 160);
  EXPECT_EQ(spec.layers, 3);
  EXPECT_EQ(spec.heads, 4);
  EXPECT_EQ(spec.kv_heads, 2);
  EXPECT_EQ(spec.head_dim, 24);
  EXPECT_EQ(spec.max_context, 256);
  EXPECT_EQ(spec.norm_epsilon, 1e-5);
  EXPECT_EQ(spec.activation, ActivationKind::kGeluTanh);
  EXPECT_EQ(spec.rotary.base, 500.0);
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_TRUE(spec.output_bias);
  EXPECT_TRUE(spec.ffn_bias);
  EXPECT_TRUE(spec.tied_head);
}

TEST(ParseLlamaConfigTest, NullHeadDimIsWidthByHeads) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       Llama(R"({"hidden_size": 96, "head_dim": null,
                                 "num_attention_heads": 6})"));
  EXPECT_EQ(spec.head_dim, 16);
  EXPECT_EQ(spec.kv_heads, 6);
}

TEST(ParseLlamaConfigTest, NullKeyValueHeadsAreAsManyAsHeads) {
  for (const auto parse : {Llama, Mistral}) {
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                         parse(R"({"num_key_value_heads": null,
                                   "num_attention_heads": 16})"));
    EXPECT_EQ(spec.kv_heads, 16);
  }
}

TEST(ParseLlamaConfigTest, NoHeadsAreNoDivisionByZero) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       Llama(R"({"num_attention_heads": 0})"));
  EXPECT_EQ(spec.heads, 0);  // CheckSpec() refuses it by name.
}

TEST(ParseLlamaConfigTest, HasNoWindowWhateverTheConfigSays) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec,
                       Llama(R"({"sliding_window": 128})"));
  EXPECT_EQ(spec.window, 0);
}

TEST(ParseMistralConfigTest, NullWindowIsNone) {
  ASSERT_OK_AND_ASSIGN(const ModelSpec none,
                       Mistral(R"({"sliding_window": null})"));
  EXPECT_EQ(none.window, 0);
  ASSERT_OK_AND_ASSIGN(const ModelSpec given,
                       Mistral(R"({"sliding_window": 128})"));
  EXPECT_EQ(given.window, 128);
}

TEST(ParseLlamaConfigTest, NamesAKeyOfAWrongType) {
  for (const std::string key :
       {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "head_dim", "intermediate_size",
        "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings",
        "attention_bias", "mlp_bias"}) {
    EXPECT_THAT(Llama("{\"" + key + "\": \"12\"}"),
                StatusIs(kInvalid, HasSubstr(key)));
  }
  EXPECT_THAT(Llama(R"({"vocab_size": 12.5})"),
              StatusIs(kInvalid, HasSubstr("vocab_size")));
  EXPECT_THAT(Llama(R"({"hidden_act": 3})"),
              StatusIs(kInvalid, HasSubstr("hidden_act")));
  EXPECT_THAT(Mistral(R"({"sliding_window": "4096"})"),
              StatusIs(kInvalid, HasSubstr("sliding_window")));
}

}  // namespace
}  // namespace ounce
