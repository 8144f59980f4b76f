// Binds the reference's checkpoints as it stored them and under the names that
// published checkpoints of the same families have.  Which checkpoint each style
// of names stands for:
//
//   the base model's, without a prefix   gpt2 (OpenAI's), bloom-560m to bloom,
//                                        opt-125m ("decoder." alone)
//   with buffers of causal masks         gpt2, gpt-j-6b, pythia, gpt-neox-20b
//   with tables of rotary frequencies    Llama 1 and 2 conversions, pythia
//   with a copy of the tied head         exports of gpt2, opt and bloom
//   experts one by one                   Mixtral-8x7B, Qwen1.5-MoE, Qwen3-30B
//   experts fused                        what transformers 5 holds in memory
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/bind.h"
#include "tests/util/golden_checkpoint.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::IsEmpty;

std::vector<float> ValuesOf(const StoredTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

std::vector<float> ValuesOf(const BoundTensor& tensor) {
  std::vector<float> values(
      static_cast<size_t>(tensor.matrix.rows * tensor.matrix.cols));
  ReadRows(tensor, 0, tensor.matrix.rows, values.data());
  return values;
}

std::map<std::string, std::vector<float>> ValuesByName(
    const BoundTensors& bound) {
  std::map<std::string, std::vector<float>> values;
  for (const BoundTensor& tensor : bound.tensors) {
    values[tensor.slot.name] = ValuesOf(tensor);
  }
  return values;
}

class GoldenBindingTest : public ::testing::TestWithParam<std::string> {
 protected:
  GoldenBindingTest()
      : golden_(ReadGoldenCheckpoint(GetParam())),
        spec_(*ParseModelConfig(golden_.config, nullptr)),
        architecture_(*FindArchitecture(spec_.architecture)) {}

  absl::StatusOr<BoundTensors> Bind(const TensorSource& source) {
    return BindTensors(spec_, architecture_, source);
  }

  GoldenCheckpoint golden_;
  ModelSpec spec_;
  const Architecture* architecture_;
};

TEST_P(GoldenBindingTest, EveryStoredValueIsInOneTensorOfTheModel) {
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind(golden_.source));
  EXPECT_THAT(bound.surplus, IsEmpty());
  std::vector<float> stored;
  for (const StoredTensor& tensor : golden_.source.tensors()) {
    const std::vector<float> values = ValuesOf(tensor);
    stored.insert(stored.end(), values.begin(), values.end());
  }
  std::vector<float> read;
  for (const BoundTensor& tensor : bound.tensors) {
    const std::vector<float> values = ValuesOf(tensor);
    read.insert(read.end(), values.begin(), values.end());
    EXPECT_OK(CheckFinite(tensor, 0, tensor.matrix.rows));
  }
  std::sort(stored.begin(), stored.end());
  std::sort(read.begin(), read.end());
  EXPECT_EQ(read, stored);
}

TEST_P(GoldenBindingTest, BindsTheBaseModelsNamesAndSkipsBuffers) {
  FakeTensorSource base;
  const absl::string_view prefix = architecture_->names.prefix;
  for (const StoredTensor& tensor : golden_.source.tensors()) {
    absl::string_view name = tensor.name;
    if (absl::StartsWith(name, prefix)) name.remove_prefix(prefix.size());
    base.AddFloats(std::string(name), tensor.shape, ValuesOf(tensor));
  }
  base.AddOther("h.0.attn.bias", {1, 1, 4, 4}, "U8");
  base.AddOther("h.0.attn.masked_bias", {}, "F32");
  base.AddOther("layers.0.attention.bias", {1, 1, 4, 4}, "BOOL");
  base.AddOther("layers.0.self_attn.rotary_emb.inv_freq", {8}, "F32");
  if (spec_.tied_head) {
    base.AddFloats("lm_head.weight", {1}, {0.0f});
  }
  ASSERT_OK_AND_ASSIGN(const BoundTensors expected, Bind(golden_.source));
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind(base));
  EXPECT_THAT(bound.surplus, IsEmpty());
  EXPECT_EQ(ValuesByName(bound), ValuesByName(expected));
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, GoldenBindingTest,
                         ::testing::Values("llama-gqa", "llama3-scaled-tied",
                                           "mistral-window", "qwen2", "qwen3",
                                           "gemma2", "phi3", "gpt2", "gpt-neox",
                                           "opt", "bloom-alibi", "mixtral-moe"),
                         [](const ::testing::TestParamInfo<std::string>& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Mixtral's experts as one tensor of each layer: [experts, gate and up, width].
TEST(FusedExpertsTest, HoldWhatTheSingleOnesHold) {
  const GoldenCheckpoint golden = ReadGoldenCheckpoint("mixtral-moe");
  const ModelSpec spec = *ParseModelConfig(golden.config, nullptr);
  FakeTensorSource fused;
  std::map<std::string, std::vector<float>> merged;
  for (const StoredTensor& tensor : golden.source.tensors()) {
    if (!absl::StrContains(tensor.name, ".experts.")) {
      fused.AddFloats(tensor.name, tensor.shape, ValuesOf(tensor));
    }
  }
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    std::vector<float> gate_up, down;
    const auto append = [&](int64_t expert, absl::string_view matrix,
                            std::vector<float>* out) {
      const std::vector<float> values = ValuesOf(*golden.source.Find(
          absl::StrCat("model.layers.", layer, ".block_sparse_moe.experts.",
                       expert, ".", matrix, ".weight")));
      out->insert(out->end(), values.begin(), values.end());
    };
    for (int64_t expert = 0; expert < 4; ++expert) {
      append(expert, "w1", &gate_up);
      append(expert, "w3", &gate_up);
      append(expert, "w2", &down);
    }
    const std::string prefix =
        absl::StrCat("model.layers.", layer, ".mlp.experts.");
    fused.AddFloats(prefix + "gate_up_proj", {4, 320, 64}, gate_up);
    fused.AddFloats(prefix + "down_proj", {4, 64, 160}, down);
  }
  const Architecture* architecture = *FindArchitecture("mixtral");
  ASSERT_OK_AND_ASSIGN(const BoundTensors single,
                       BindTensors(spec, architecture, golden.source));
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                       BindTensors(spec, architecture, fused));
  EXPECT_THAT(bound.surplus, IsEmpty());
  EXPECT_EQ(ValuesByName(bound), ValuesByName(single));
  // Slices of whole rows: nothing is gathered.
  for (const BoundTensor& tensor : bound.tensors) {
    EXPECT_TRUE(tensor.map.is_identity()) << tensor.slot.name;
  }
}

// The fused matrix of GPT-NeoX taken apart by hand: 4 heads of 16, each query,
// key, value.
TEST(FusedQkvTest, KeysOfGptNeoXAreTheMiddleOfEachHead) {
  const GoldenCheckpoint golden = ReadGoldenCheckpoint("gpt-neox");
  const ModelSpec spec = *ParseModelConfig(golden.config, nullptr);
  const std::vector<float> fused = ValuesOf(*golden.source.Find(
      "gpt_neox.layers.1.attention.query_key_value.weight"));
  ASSERT_OK_AND_ASSIGN(
      const BoundTensors bound,
      BindTensors(spec, *FindArchitecture("gpt_neox"), golden.source));
  const std::vector<float> key =
      ValuesByName(bound)["model.layers.1.self_attn.k_proj.weight"];
  for (size_t head = 0; head < 4; ++head) {
    for (size_t row = 0; row < 16; ++row) {
      for (size_t column = 0; column < 64; ++column) {
        ASSERT_EQ(key[(head * 16 + row) * 64 + column],
                  fused[(head * 48 + 16 + row) * 64 + column]);
      }
    }
  }
}

// GPT-2's is [in, query, key and value].
TEST(FusedQkvTest, ValuesOfGpt2AreTheLastThirdOfEachStoredRow) {
  const GoldenCheckpoint golden = ReadGoldenCheckpoint("gpt2");
  const ModelSpec spec = *ParseModelConfig(golden.config, nullptr);
  const std::vector<float> fused =
      ValuesOf(*golden.source.Find("transformer.h.2.attn.c_attn.weight"));
  ASSERT_OK_AND_ASSIGN(
      const BoundTensors bound,
      BindTensors(spec, *FindArchitecture("gpt2"), golden.source));
  const std::vector<float> value =
      ValuesByName(bound)["model.layers.2.self_attn.v_proj.weight"];
  for (size_t row = 0; row < 64; ++row) {
    for (size_t column = 0; column < 64; ++column) {
      ASSERT_EQ(value[row * 64 + column], fused[column * 192 + 128 + row]);
    }
  }
}

}  // namespace
}  // namespace ounce
