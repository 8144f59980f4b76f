// What a config that says nothing but its model_type stands for.  The numbers
// are the defaults in configuration_*.py of transformers 5.12.
#include "model/arch/families.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

struct Defaults {
  std::string model_type;
  // vocab, width, layers, heads, kv_heads, head_dim, ffn, max_context.
  std::vector<int64_t> sizes;
  double epsilon;
  ActivationKind activation;
  bool tied_head;
  double rotary_base;  // 0: no rotary positions.
  int64_t rotary_dims;
};

constexpr auto kSilu = ActivationKind::kSilu;
constexpr auto kGelu = ActivationKind::kGelu;
constexpr auto kTanhGelu = ActivationKind::kGeluTanh;

const Defaults kDefaults[] = {
    {"llama",
     {32000, 4096, 32, 32, 32, 128, 11008, 2048},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"mistral",
     {32000, 4096, 32, 32, 8, 128, 14336, 131072},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"mixtral",
     {32000, 4096, 32, 32, 8, 128, 14336, 131072},
     1e-5,
     kSilu,
     false,
     1e6,
     128},
    {"qwen2",
     {151936, 4096, 32, 32, 32, 128, 22016, 32768},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"qwen3",
     {151936, 4096, 32, 32, 32, 128, 22016, 32768},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"qwen2_moe",
     {151936, 2048, 24, 16, 16, 128, 5632, 32768},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"qwen3_moe",
     {151936, 2048, 24, 32, 4, 64, 6144, 32768},
     1e-6,
     kSilu,
     false,
     1e4,
     64},
    {"granite",
     {32000, 4096, 32, 32, 32, 128, 11008, 2048},
     1e-6,
     kSilu,
     false,
     1e4,
     128},
    {"olmo2",
     {50304, 4096, 32, 32, 32, 128, 11008, 2048},
     1e-5,
     kSilu,
     false,
     1e4,
     128},
    {"smollm3",
     {128256, 2048, 36, 16, 4, 128, 11008, 32768},
     1e-6,
     kSilu,
     true,
     2e6,
     128},
    {"gemma",
     {256000, 3072, 28, 16, 16, 256, 24576, 8192},
     1e-6,
     kTanhGelu,
     true,
     1e4,
     256},
    {"gemma2",
     {256000, 2304, 26, 8, 4, 256, 9216, 8192},
     1e-6,
     kTanhGelu,
     true,
     1e4,
     256},
    {"gemma3_text",
     {262208, 2304, 26, 8, 4, 256, 9216, 131072},
     1e-6,
     kTanhGelu,
     true,
     1e6,
     256},
    {"phi",
     {51200, 2048, 24, 32, 32, 64, 8192, 2048},
     1e-5,
     kTanhGelu,
     false,
     1e4,
     32},
    {"phi3",
     {32064, 3072, 32, 32, 32, 96, 8192, 4096},
     1e-5,
     kSilu,
     false,
     1e4,
     96},
    {"starcoder2",
     {49152, 3072, 30, 24, 2, 128, 12288, 4096},
     1e-5,
     kTanhGelu,
     true,
     1e4,
     128},
    {"gpt2",
     {50257, 768, 12, 12, 12, 64, 3072, 1024},
     1e-5,
     kTanhGelu,
     true,
     0,
     0},
    {"gptj",
     {50400, 4096, 28, 16, 16, 256, 16384, 2048},
     1e-5,
     kTanhGelu,
     false,
     1e4,
     64},
    {"gpt_neox",
     {50432, 6144, 44, 64, 64, 96, 24576, 2048},
     1e-5,
     kGelu,
     false,
     1e4,
     24},
    {"opt",
     {50272, 768, 12, 12, 12, 64, 3072, 2048},
     1e-5,
     ActivationKind::kRelu,
     true,
     0,
     0},
    {"bloom", {250880, 64, 2, 8, 8, 8, 256, 2048}, 1e-5, kTanhGelu, true, 0, 0},
    {"falcon",
     {65024, 4544, 32, 71, 1, 64, 18176, 2048},
     1e-5,
     kGelu,
     true,
     1e4,
     64},
    {"bert", {30522, 768, 12, 12, 12, 64, 3072, 512}, 1e-12, kGelu, true, 0, 0},
    {"roberta",
     {50265, 768, 12, 12, 12, 64, 3072, 510},
     1e-12,
     kGelu,
     true,
     0,
     0},
    {"xlm-roberta",
     {30522, 768, 12, 12, 12, 64, 3072, 510},
     1e-12,
     kGelu,
     true,
     0,
     0},
    {"distilbert",
     {30522, 768, 6, 12, 12, 64, 3072, 512},
     1e-12,
     kGelu,
     true,
     0,
     0},
    {"albert",
     {30000, 4096, 12, 64, 64, 64, 16384, 512},
     1e-12,
     kTanhGelu,
     true,
     0,
     0},
    {"electra",
     {30522, 256, 12, 4, 4, 64, 1024, 512},
     1e-12,
     kGelu,
     true,
     0,
     0},
    {"modernbert",
     {50368, 768, 22, 12, 12, 64, 1152, 8192},
     1e-5,
     kGelu,
     true,
     160000.0,
     64},
    {"t5",
     {32128, 512, 6, 8, 8, 64, 2048, 512},
     1e-6,
     ActivationKind::kRelu,
     true,
     0,
     0},
    {"mt5", {250112, 512, 8, 6, 6, 64, 1024, 512}, 1e-6, kTanhGelu, true, 0, 0},
    {"marian",
     {58101, 1024, 12, 16, 16, 64, 4096, 1024},
     1e-5,
     kGelu,
     true,
     0,
     0},
    {"bart",
     {50265, 1024, 12, 16, 16, 64, 4096, 1024},
     1e-5,
     kGelu,
     true,
     0,
     0},
    {"mbart",
     {50265, 1024, 12, 16, 16, 64, 4096, 1024},
     1e-5,
     kGelu,
     true,
     0,
     0},
};

class DefaultsTest : public ::testing::TestWithParam<Defaults> {};

TEST_P(DefaultsTest, AbsentKeysTakeTheReferenceDefaults) {
  const Defaults& expected = GetParam();
  ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec(expected.model_type));
  const std::vector<int64_t> sizes = {
      spec.vocab,    spec.width,    spec.layers, spec.heads,
      spec.kv_heads, spec.head_dim, spec.ffn,    spec.max_context};
  EXPECT_EQ(sizes, expected.sizes);
  EXPECT_EQ(spec.norm_epsilon, expected.epsilon);
  EXPECT_EQ(spec.activation, expected.activation);
  EXPECT_EQ(spec.tied_head, expected.tied_head);
  const bool rotary = expected.rotary_base > 0;
  EXPECT_EQ(spec.position == PositionKind::kRotary, rotary);
  if (!rotary) return;
  EXPECT_EQ(spec.rotary.base, expected.rotary_base);
  EXPECT_EQ(spec.rotary.scaling, RotaryScaling::kNone);
  EXPECT_EQ(spec.rotary_dims(spec.rotary), expected.rotary_dims);
}

INSTANTIATE_TEST_SUITE_P(
    Families, DefaultsTest, ::testing::ValuesIn(kDefaults),
    [](const ::testing::TestParamInfo<Defaults>& test) {
      return absl::StrReplaceAll(test.param.model_type, {{"-", "_"}});
    });

TEST(FamiliesTest, EveryFamilyHasItsDefaultsTestedHere) {
  std::set<std::string> tested;
  for (const Defaults& defaults : kDefaults) tested.insert(defaults.model_type);
  for (const Architecture* architecture : AllArchitectures()) {
    EXPECT_TRUE(tested.count(std::string(architecture->model_type)))
        << architecture->model_type;
  }
  EXPECT_EQ(tested.size(), AllArchitectures().size());
}

TEST(FamiliesTest, EveryDecoderRefusesWhatMakesItAnotherModel) {
  for (const Architecture* architecture : AllArchitectures()) {
    const std::string model_type(architecture->model_type);
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec(model_type));
    if (!spec.causal || spec.has_encoder()) continue;
    for (const std::string member :
         {R"("is_causal": false)", R"("use_bidirectional_attention": true)",
          R"("add_cross_attention": true)", R"("is_encoder_decoder": true)"}) {
      const std::string key = member.substr(0, member.find(':'));
      EXPECT_THAT(
          FamilySpec(model_type, member),
          StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr(key)))
          << model_type;
    }
    EXPECT_THAT(FamilySpec(model_type, R"("pruned_heads": {"0": [1]})"),
                StatusIs(absl::StatusCode::kUnimplemented,
                         ::testing::HasSubstr("\"pruned_heads\"")));
    EXPECT_OK(FamilySpec(model_type, R"("pruned_heads": {}, "is_causal": true,
                                        "use_bidirectional_attention": null)"));
  }
}

TEST(FamiliesTest, EveryEncoderRefusesWhatMakesItAnotherModel) {
  for (const Architecture* architecture : AllArchitectures()) {
    const std::string model_type(architecture->model_type);
    ASSERT_OK_AND_ASSIGN(const ModelSpec spec, FamilySpec(model_type));
    if (spec.causal) continue;
    for (const std::string member :
         {R"("is_decoder": true)", R"("add_cross_attention": true)",
          R"("position_embedding_type": "relative_key")",
          R"("pruned_heads": {"0": [1]})",
          R"("architectures": ["XForMultipleChoice"])"}) {
      const std::string key = member.substr(0, member.find(':'));
      EXPECT_THAT(
          FamilySpec(model_type, member),
          StatusIs(absl::StatusCode::kUnimplemented, ::testing::HasSubstr(key)))
          << model_type;
    }
  }
}

// Hostile sizes reach CheckSpec() and no allocation or overflow before it.
TEST(FamiliesTest, AbsurdSizesAreNamedByEveryFamily) {
  for (const Architecture* architecture : AllArchitectures()) {
    const std::string model_type(architecture->model_type);
    for (const std::string value :
         {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
      for (const std::string key : {"num_hidden_layers", "num_attention_heads",
                                    "hidden_size", "vocab_size"}) {
        EXPECT_THAT(FamilySpec(model_type, "\"" + key + "\": " + value),
                    StatusIs(absl::StatusCode::kInvalidArgument,
                             ::testing::HasSubstr("expected")))
            << model_type << " " << key << " " << value;
      }
    }
  }
}

}  // namespace
}  // namespace ounce
