#include "formats/gguf/gguf_config.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/arch/registry.h"
#include "tests/formats/gguf/gguf_image.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The keys of a small Llama, which tests change.
class GgufConfigTest : public ::testing::Test {
 protected:
  GgufConfigTest() {
    Set("general.architecture", GgufString("llama"));
    Set("llama.context_length", GgufUint32(64));
    Set("llama.embedding_length", GgufUint32(16));
    Set("llama.block_count", GgufUint32(2));
    Set("llama.feed_forward_length", GgufUint32(24));
    Set("llama.attention.head_count", GgufUint32(4));
    Set("llama.attention.head_count_kv", GgufUint32(2));
    Set("llama.attention.layer_norm_rms_epsilon", GgufFloat32(0x1p-17f));
    Set("llama.rope.freq_base", GgufFloat32(500000.0f));
  }
  void Set(const std::string& key, const std::string& value) {
    Drop(key);
    values_.emplace_back(key, value);
  }
  void Drop(const std::string& key) {
    std::erase_if(values_,
                  [&](const auto& entry) { return entry.first == key; });
  }
  // A tensor of f32.
  void AddTensor(const std::string& name, const std::vector<uint64_t>& ne,
                 const std::vector<float>& values = {}, uint32_t type = 0) {
    tensors_.Tensor(name, ne, type, tensors_.data.size());
    size_t size = 4;
    for (const uint64_t dimension : ne) size *= dimension;
    std::string bytes(size, '\0');
    if (!values.empty()) {
      std::memcpy(bytes.data(), values.data(), values.size() * sizeof(float));
    }
    tensors_.data += bytes;
    tensors_.data.resize((tensors_.data.size() + 31) / 32 * 32);
  }

  void ResetTensors() { tensors_ = GgufImage(); }

  absl::StatusOr<GgufConfig> Read() {
    GgufImage image = tensors_;
    for (const auto& [key, value] : values_) image.Value(key, value);
    file_ = image.Build();
    absl::StatusOr<GgufShards> shards = GgufShards::Parse(absl::MakeConstSpan(
        reinterpret_cast<const uint8_t*>(file_.data()), file_.size()));
    if (!shards.ok()) return shards.status();
    return ReadGgufConfig(*shards);
  }
  absl::StatusOr<ModelSpec> Spec() {
    const absl::StatusOr<GgufConfig> config = Read();
    if (!config.ok()) return config.status();
    return ParseModelConfig(config->config, nullptr);
  }
  void ExpectRefused(const std::string& key) {
    EXPECT_THAT(Spec(), StatusIs(absl::StatusCode::kUnimplemented,
                                 HasSubstr(absl::StrCat("'", key, "'"))));
  }

 private:
  std::vector<std::pair<std::string, std::string>> values_;
  GgufImage tensors_;
  std::string file_;
};

TEST_F(GgufConfigTest, KeysBecomeASpec) {
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("output.weight", {16, 10});
  Set("tokenizer.ggml.eos_token_id", GgufUint32(7));
  Set("tokenizer.ggml.eot_token_id", GgufUint32(9));
  Set("tokenizer.ggml.eom_token_id", GgufUint32(7));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.architecture, "llama");
  EXPECT_EQ(spec.vocab, 10);  // The embedding's rows.
  EXPECT_EQ(spec.width, 16);
  EXPECT_EQ(spec.layers, 2);
  EXPECT_EQ(spec.ffn, 24);
  EXPECT_EQ(spec.heads, 4);
  EXPECT_EQ(spec.kv_heads, 2);
  EXPECT_EQ(spec.head_dim, 4);
  EXPECT_EQ(spec.max_context, 64);
  EXPECT_EQ(spec.norm_epsilon, 0x1p-17);
  EXPECT_EQ(spec.rotary.base, 500000.0);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kNone);
  EXPECT_FALSE(spec.tied_head);
  EXPECT_FALSE(spec.qkv_bias);
  EXPECT_THAT(spec.stop_ids, ElementsAre(7, 9));
}

TEST_F(GgufConfigTest, WhatIsAbsentIsAsUsual) {
  AddTensor("token_embd.weight", {16, 10});
  Drop("llama.attention.head_count_kv");
  Drop("llama.rope.freq_base");
  Set("llama.vocab_size", GgufUint32(12));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.kv_heads, 4);
  EXPECT_EQ(spec.rotary.base, 10000.0);
  EXPECT_TRUE(spec.tied_head);
  EXPECT_EQ(spec.vocab, 12);
  EXPECT_TRUE(spec.stop_ids.empty());
  // What some converters write for none.
  Set("tokenizer.ggml.eos_token_id", GgufUint32(0xFFFFFFFF));
  ASSERT_OK_AND_ASSIGN(const ModelSpec without, Spec());
  EXPECT_TRUE(without.stop_ids.empty());
}

TEST_F(GgufConfigTest, BiasesAreThereIfTheirTensorsAre) {
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("blk.0.attn_q.bias", {16});
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_TRUE(spec.qkv_bias);
  EXPECT_FALSE(spec.ffn_bias);
}

TEST_F(GgufConfigTest, NamesAKeyThatIsMissingOrOfAnotherType) {
  AddTensor("token_embd.weight", {16, 10});
  for (const char* key :
       {"llama.context_length", "llama.embedding_length", "llama.block_count",
        "llama.attention.head_count", "llama.feed_forward_length",
        "llama.attention.layer_norm_rms_epsilon"}) {
    Set(key, GgufString("many"));
    EXPECT_THAT(Spec(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(key)));
    Drop(key);
    EXPECT_THAT(Spec(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(key)));
    Set(key, std::string(key).ends_with("epsilon") ? GgufFloat32(1e-5f)
                                                   : GgufUint32(16));
  }
  Drop("general.architecture");
  EXPECT_THAT(Spec(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("general.architecture")));
}

TEST_F(GgufConfigTest, AbsurdNumbersAreRefused) {
  AddTensor("token_embd.weight", {16, 10});
  for (const char* key :
       {"llama.context_length", "llama.embedding_length", "llama.block_count",
        "llama.attention.head_count", "llama.attention.head_count_kv",
        "llama.feed_forward_length", "llama.attention.key_length",
        "llama.vocab_size"}) {
    Set(key, GgufUint32(0));
    EXPECT_FALSE(Spec().ok()) << key;
    // Beyond what any size may be.
    Set(key, GgufBytes<uint32_t>(10) + GgufBytes<uint64_t>(uint64_t{1} << 62));
    EXPECT_FALSE(Spec().ok()) << key;
    Set(key, GgufUint32(4));
  }
}

TEST_F(GgufConfigTest, OneNumberForEachLayerMayBeAnArrayOfEqualOnes) {
  AddTensor("token_embd.weight", {16, 10});
  Set("llama.attention.head_count_kv", GgufInt32s({2, 2}));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.kv_heads, 2);
  Set("llama.attention.head_count_kv", GgufInt32s({2, 1}));
  ExpectRefused("llama.attention.head_count_kv");
  Set("llama.attention.head_count_kv", GgufInt32s({}));
  ExpectRefused("llama.attention.head_count_kv");
}

TEST_F(GgufConfigTest, SettingsWithoutAnAnswerAreRefusedByName) {
  AddTensor("token_embd.weight", {16, 10});
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"llama.attention.sliding_window", GgufUint32(32)},
      {"llama.attention.causal", GgufBool(false)},
      {"llama.use_parallel_residual", GgufBool(true)},
      {"llama.attention.value_length", GgufUint32(8)},
      {"llama.rope.dimension_count", GgufUint32(2)},
      {"llama.rope.scaling.type", GgufString("longrope")},
      {"llama.logit_scale", GgufFloat32(2.0f)},
      {"llama.attention.scale", GgufFloat32(0.1f)},
      {"llama.final_logit_softcapping", GgufFloat32(30.0f)},
  };
  for (const auto& [key, value] : settings) {
    Set(key, value);
    ExpectRefused(key);
    Drop(key);
  }
  // As long as the context, a window hides nothing.
  Set("llama.attention.sliding_window", GgufUint32(64));
  EXPECT_OK(Spec().status());
}

TEST_F(GgufConfigTest, LinearScalingInBothSpellings) {
  AddTensor("token_embd.weight", {16, 10});
  Set("llama.rope.scale_linear", GgufFloat32(4.0f));
  ASSERT_OK_AND_ASSIGN(const ModelSpec older, Spec());
  EXPECT_EQ(older.rotary.scaling, RotaryScaling::kLinear);
  EXPECT_EQ(older.rotary.factor, 4.0);
  Drop("llama.rope.scale_linear");
  Set("llama.rope.scaling.type", GgufString("linear"));
  Set("llama.rope.scaling.factor", GgufFloat32(2.0f));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.rotary.factor, 2.0);
}

TEST_F(GgufConfigTest, YarnScaling) {
  AddTensor("token_embd.weight", {16, 10});
  Set("llama.rope.scaling.type", GgufString("yarn"));
  Set("llama.rope.scaling.factor", GgufFloat32(4.0f));
  Set("llama.rope.scaling.original_context_length", GgufUint32(16));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kYarn);
  EXPECT_EQ(spec.rotary.factor, 4.0);
  EXPECT_EQ(spec.rotary.original_context, 16);
  EXPECT_EQ(spec.rotary.beta_fast, 32.0);
  // 0.1 ln(4) + 1.
  EXPECT_NEAR(spec.rotary.attention_factor, 1.1386294361, 1e-9);
  Set("llama.rope.scaling.attn_factor", GgufFloat32(0.5f));
  ASSERT_OK_AND_ASSIGN(const ModelSpec halved, Spec());
  EXPECT_NEAR(halved.rotary.attention_factor, 0.5 * 1.1386294361, 1e-9);
  Set("llama.rope.scaling.yarn_ext_factor", GgufFloat32(0.5f));
  ExpectRefused("llama.rope.scaling.yarn_ext_factor");
  Drop("llama.rope.scaling.yarn_ext_factor");
  Drop("llama.rope.scaling.factor");
  EXPECT_THAT(Spec(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("llama.rope.scaling.factor")));
}

TEST_F(GgufConfigTest, FactorsOfFrequenciesAreReadFromTheirTensor) {
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("rope_freqs.weight", {2}, {1.0f, 8.0f});
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLongRope);
  EXPECT_THAT(spec.rotary.short_factors, ElementsAre(1.0, 8.0));
  EXPECT_THAT(spec.rotary.long_factors, ElementsAre(1.0, 8.0));
  EXPECT_EQ(spec.rotary.attention_factor, 1.0);
  Set("llama.rope.scaling.type", GgufString("linear"));
  ExpectRefused("llama.rope.scaling.type");
}

TEST_F(GgufConfigTest, FactorsThatAreNoneAreRefused) {
  for (const std::vector<float>& factors :
       {std::vector<float>{1.0f}, {1.0f, 0.0f}, {1.0f, NAN}, {1, 1, 1}}) {
    AddTensor("token_embd.weight", {16, 10});
    AddTensor("rope_freqs.weight", {factors.size()}, factors);
    EXPECT_FALSE(Spec().ok()) << factors.size();
    ResetTensors();
  }
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("rope_freqs.weight", {2, 1}, {1.0f, 1.0f});
  EXPECT_THAT(Spec(), StatusIs(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("rope_freqs.weight"),
                                     HasSubstr("[1, 2]"))));
}

TEST_F(GgufConfigTest, Phi3MayTurnAPartAndHaveTwoListsOfFactors) {
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("rope_factors_short.weight", {1}, {1.0f});
  AddTensor("rope_factors_long.weight", {1}, {4.0f});
  Set("general.architecture", GgufString("phi3"));
  for (const char* key :
       {"embedding_length", "block_count", "feed_forward_length"}) {
    Set(absl::StrCat("phi3.", key), GgufUint32(16));
  }
  Set("phi3.context_length", GgufUint32(64));
  Set("phi3.attention.head_count", GgufUint32(4));
  Set("phi3.attention.layer_norm_rms_epsilon", GgufFloat32(1e-5f));
  Set("phi3.attention.sliding_window", GgufUint32(24));
  Set("phi3.rope.dimension_count", GgufUint32(2));
  Set("phi3.rope.scaling.attn_factor", GgufFloat32(1.5f));
  Set("phi3.rope.scaling.original_context_length", GgufUint32(32));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.window, 24);
  EXPECT_EQ(spec.rotary.dims, 2);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kLongRope);
  EXPECT_THAT(spec.rotary.short_factors, ElementsAre(1.0));
  EXPECT_THAT(spec.rotary.long_factors, ElementsAre(4.0));
  EXPECT_EQ(spec.rotary.attention_factor, 1.5);
  EXPECT_EQ(spec.rotary.original_context, 32);
}

TEST_F(GgufConfigTest, Gpt2HasKeysOfItsOwn) {
  AddTensor("token_embd.weight", {16, 10});
  Set("general.architecture", GgufString("gpt2"));
  Set("gpt2.context_length", GgufUint32(64));
  Set("gpt2.embedding_length", GgufUint32(16));
  Set("gpt2.block_count", GgufUint32(2));
  Set("gpt2.feed_forward_length", GgufUint32(24));
  Set("gpt2.attention.head_count", GgufUint32(4));
  Set("gpt2.attention.layer_norm_epsilon", GgufFloat32(0x1p-17f));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.position, PositionKind::kLearned);
  EXPECT_EQ(spec.norm_epsilon, 0x1p-17);
  EXPECT_EQ(spec.ffn, 24);
  EXPECT_EQ(spec.max_context, 64);
}

// Files older than these keys: sizes are the tensors'.
TEST_F(GgufConfigTest, ExpertsSizesMayBeTheirTensors) {
  AddTensor("token_embd.weight", {16, 10});
  AddTensor("blk.0.ffn_gate_exps.weight", {16, 5, 3});
  AddTensor("blk.0.ffn_gate_shexp.weight", {16, 9});
  Set("general.architecture", GgufString("qwen2moe"));
  for (const char* key : {"context_length", "embedding_length", "block_count",
                          "feed_forward_length"}) {
    Set(absl::StrCat("qwen2moe.", key), GgufUint32(16));
  }
  Set("qwen2moe.attention.head_count", GgufUint32(4));
  Set("qwen2moe.attention.layer_norm_rms_epsilon", GgufFloat32(1e-6f));
  Set("qwen2moe.expert_count", GgufUint32(3));
  Set("qwen2moe.expert_used_count", GgufUint32(2));
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, Spec());
  EXPECT_EQ(spec.experts.experts, 3);
  EXPECT_EQ(spec.experts.per_token, 2);
  EXPECT_EQ(spec.experts.ffn, 5);
  EXPECT_EQ(spec.experts.shared_ffn, 9);
  EXPECT_FALSE(spec.experts.normalized);
}

}  // namespace
}  // namespace ounce
