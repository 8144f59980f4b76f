// `ounce logits` against what transformers 5.12.1 gives on the same checkpoints
// (tests/golden/make_models.py wrote both), as they are stored and under the
// names that older published checkpoints have.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "formats/huggingface/weight_files.h"
#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

struct Golden {
  const char* folder;
  // Both compute in f32 with sums in another order: 1e-4 of logits near 1.
  // BLOOM's reference adds slope times position to every score before softmax
  // takes their distances.
  float tolerance = 1e-4f;
  // What older checkpoints have otherwise: no base-model prefix, tensors that
  // carry nothing, of which '#' is the layer, and a copy of a tied head.
  const char* prefix = "model.";
  std::vector<std::string> surplus = {"layers.#.self_attn.rotary_emb.inv_freq"};
  const char* head_copy = nullptr;
  const char* embedding = "model.embed_tokens.weight";
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.folder; }

const std::vector<Golden>& Goldens() {
  static const auto& goldens = *new std::vector<Golden>{
      {"llama-gqa"},
      {.folder = "llama3-scaled-tied", .head_copy = "lm_head.weight"},
      {"mistral-window"},
      {"llama-bf16-sharded"},
      {.folder = "qwen2", .head_copy = "lm_head.weight"},
      {"qwen3"},
      {.folder = "gemma2", .head_copy = "lm_head.weight"},
      {"phi3"},
      {"mixtral-moe"},
      {"gpt2",
       1e-4f,
       "transformer.",
       {"h.#.attn.bias", "h.#.attn.masked_bias"},
       "lm_head.weight",
       "transformer.wte.weight"},
      // Weights in pytorch_model.bin, with a copy of the tied head.
      {"gpt2-f16-bin",
       1e-4f,
       "transformer.",
       {"h.#.attn.bias", "h.#.attn.masked_bias"}},
      {"gpt-neox",
       1e-4f,
       "gpt_neox.",
       {"layers.#.attention.bias", "layers.#.attention.masked_bias",
        "layers.#.attention.rotary_emb.inv_freq"}},
      {"opt",
       1e-4f,
       "model.",
       {},
       "lm_head.weight",
       "model.decoder.embed_tokens.weight"},
      {"bloom-alibi",
       1e-3f,
       "transformer.",
       {},
       "lm_head.weight",
       "transformer.word_embeddings.weight"},
  };
  return goldens;
}

template <typename T>
std::vector<T> Values(const TensorSource& source, const std::string& name) {
  const StoredTensor* tensor = source.Find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

class GoldenLogitsTest : public testing::TestWithParam<Golden> {
 protected:
  std::string Folder() const {
    return absl::StrCat(OUNCE_SOURCE_DIR "/tests/golden/models/",
                        GetParam().folder);
  }

  void ExpectReference(const std::string& folder) {
    const std::string golden_path = Folder() + "/golden.safetensors";
    const std::string output = temp_.Path("out.safetensors");
    const ProgramResult run =
        RunOunce({"logits", folder, "--input", golden_path, "--output", output,
                  "--greedy", "16"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    // Nothing was surplus but what carries nothing.
    EXPECT_THAT(run.err, testing::Not(testing::HasSubstr("warning")));
    ASSERT_OK_AND_ASSIGN(const auto golden, OpenSafetensors(golden_path));
    ASSERT_OK_AND_ASSIGN(const auto ours, OpenSafetensors(output));
    const auto expected = Values<float>(*golden, "logits");
    const auto actual = Values<float>(*ours, "logits");
    ASSERT_FALSE(expected.empty());
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], GetParam().tolerance)
          << "logit " << i;
    }
    EXPECT_EQ(Values<int64_t>(*ours, "greedy"),
              Values<int64_t>(*golden, "greedy"));
  }

  // Writes the checkpoint anew under its older names.
  void WriteOlder(const std::string& folder) {
    ASSERT_OK_AND_ASSIGN(const WeightFiles found, OpenWeightFiles(Folder()));
    std::vector<OutputTensor> tensors;
    int64_t layers = 0;
    for (const StoredTensor& tensor : found.source->tensors()) {
      std::string name = tensor.name;
      if (absl::StartsWith(name, GetParam().prefix)) {
        name.erase(0, std::strlen(GetParam().prefix));
      }
      if (absl::StrContains(name, "input_layernorm.weight") ||
          absl::StrContains(name, "ln_1.weight")) {
        ++layers;
      }
      tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
    }
    AddSurplus(*found.source, layers, &tensors);
    std::filesystem::create_directories(folder);
    ASSERT_OK(WriteSafetensors(folder + "/model.safetensors", tensors));
    for (const char* name : {"config.json", "generation_config.json"}) {
      const std::string path = absl::StrCat(Folder(), "/", name);
      if (std::filesystem::exists(path)) std::filesystem::copy(path, folder);
    }
  }

  void AddSurplus(const TensorSource& source, int64_t layers,
                  std::vector<OutputTensor>* tensors) {
    static constexpr uint8_t kMask[16] = {};
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (std::string name : GetParam().surplus) {
        name.replace(name.find('#'), 1, absl::StrCat(layer));
        tensors->push_back({name, "BOOL", {1, 1, 4, 4}, kMask});
      }
    }
    if (GetParam().head_copy == nullptr) return;
    const StoredTensor* embedding = source.Find(GetParam().embedding);
    ASSERT_NE(embedding, nullptr);
    tensors->push_back({GetParam().head_copy, embedding->dtype,
                        embedding->shape, embedding->bytes});
  }

  const TempFolder temp_;
};

TEST_P(GoldenLogitsTest, MatchesTheReferenceImplementation) {
  ExpectReference(Folder());
}

TEST_P(GoldenLogitsTest, MatchesItUnderTheNamesOfOlderCheckpoints) {
  const std::string folder = temp_.Path("older");
  WriteOlder(folder);
  ExpectReference(folder);
}

INSTANTIATE_TEST_SUITE_P(Decoders, GoldenLogitsTest,
                         testing::ValuesIn(Goldens()),
                         [](const testing::TestParamInfo<Golden>& param) {
                           std::string name = param.param.folder;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ounce
