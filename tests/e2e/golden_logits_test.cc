// All that `ounce logits` writes against what transformers 5.12.1 gives on the
// same checkpoints (tests/golden/make_models.py wrote both), as they are stored
// and under the names that older published checkpoints have.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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
  // carry nothing, of which '#' is the layer, and a copy of the embedding as
  // the tied head.
  const char* prefix = "model.";
  std::vector<std::string> surplus = {"layers.#.self_attn.rotary_emb.inv_freq"};
  const char* head_copy = nullptr;
  const char* embedding = "model.embed_tokens.weight";
  const char* added_prefix = "";  // In place of `prefix`.
  bool old_norms = false;         // LayerNorm.gamma and .beta.
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
      {.folder = "bert",
       .prefix = "",
       .surplus = {"bert.embeddings.position_ids", "cls.predictions.bias",
                   "cls.predictions.transform.LayerNorm.gamma",
                   "cls.seq_relationship.weight"},
       .head_copy = "cls.predictions.decoder.weight",
       .embedding = "embeddings.word_embeddings.weight",
       .added_prefix = "bert.",
       .old_norms = true},
      {.folder = "bert-classifier",
       .prefix = "bert.",
       .surplus = {"embeddings.position_ids", "cls.predictions.bias"},
       .old_norms = true},
      {.folder = "roberta",
       .prefix = "",
       .surplus = {"roberta.embeddings.position_ids", "lm_head.bias",
                   "lm_head.dense.weight", "lm_head.layer_norm.weight"},
       .head_copy = "lm_head.decoder.weight",
       .embedding = "embeddings.word_embeddings.weight",
       .added_prefix = "roberta."},
      {.folder = "distilbert-classifier",
       .prefix = "distilbert.",
       .surplus = {"embeddings.position_ids", "vocab_transform.weight",
                   "vocab_layer_norm.bias", "vocab_projector.bias"}},
      {.folder = "t5-gated",
       .prefix = "",
       .surplus = {"decoder.block.0.layer.1.EncDecAttention."
                   "relative_attention_bias.weight"},
       .head_copy = "encoder.embed_tokens.weight",
       .embedding = "shared.weight"},
      {.folder = "marian-sinusoidal",
       .prefix = "model.",
       .surplus = {"encoder.embed_positions.weight",
                   "decoder.embed_positions.weight"},
       .head_copy = "decoder.embed_tokens.weight",
       .embedding = "model.shared.weight"},
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
    ASSERT_OK_AND_ASSIGN(const auto golden, OpenSafetensors(golden_path));
    const auto greedy = Values<int64_t>(*golden, "greedy");
    std::vector<std::string> arguments = {"logits",    folder,     "--input",
                                          golden_path, "--output", output};
    if (!greedy.empty()) {
      arguments.insert(arguments.end(),
                       {"--greedy", absl::StrCat(greedy.size())});
    }
    const ProgramResult run = RunOunce(arguments);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    // Nothing was surplus but what carries nothing.
    EXPECT_THAT(run.err, testing::Not(testing::HasSubstr("warning")));
    ASSERT_OK_AND_ASSIGN(const auto ours, OpenSafetensors(output));
    EXPECT_EQ(Values<int64_t>(*ours, "greedy"), greedy);
    size_t outputs = greedy.empty() ? 0 : 1;
    for (const char* name : {"logits", "last_hidden_state", "pooled",
                             "class_logits", "encoder_last_hidden_state"}) {
      if (golden->Find(name) == nullptr) continue;
      SCOPED_TRACE(name);
      ExpectOutput(*golden, *ours, name);
      ++outputs;
    }
    EXPECT_EQ(ours->tensors().size(), outputs);
  }

  void ExpectOutput(const TensorSource& golden, const TensorSource& ours,
                    const std::string& name) {
    const auto expected = Values<float>(golden, name);
    const auto actual = Values<float>(ours, name);
    ASSERT_FALSE(expected.empty());
    ASSERT_EQ(actual.size(), expected.size());
    // Hidden states of padding are nobody's.
    std::vector<int64_t> mask;
    if (absl::StrContains(name, "hidden_state")) {
      mask = Values<int64_t>(golden, "attention_mask");
    }
    const size_t row = mask.empty() ? 1 : expected.size() / mask.size();
    for (size_t i = 0; i < expected.size(); ++i) {
      if (!mask.empty() && mask[i / row] == 0) continue;
      ASSERT_NEAR(actual[i], expected[i], GetParam().tolerance)
          << "element " << i;
    }
  }

  // Writes the checkpoint anew under its older names.
  void WriteOlder(const std::string& folder) {
    ASSERT_OK_AND_ASSIGN(const WeightFiles found, OpenWeightFiles(Folder()));
    std::vector<OutputTensor> tensors;
    int64_t layers = 0;
    for (const StoredTensor& tensor : found.source->tensors()) {
      std::string name = tensor.name;
      if (absl::StartsWith(name, GetParam().prefix)) {
        name.replace(0, std::strlen(GetParam().prefix),
                     GetParam().added_prefix);
      }
      if (GetParam().old_norms) name = OldNormName(name);
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

  static std::string OldNormName(const std::string& name) {
    for (const auto& [now, then] :
         {std::pair("LayerNorm.weight", "LayerNorm.gamma"),
          std::pair("LayerNorm.bias", "LayerNorm.beta")}) {
      if (!absl::EndsWith(name, now)) continue;
      return name.substr(0, name.size() - std::strlen(now)) + then;
    }
    return name;
  }

  void AddSurplus(const TensorSource& source, int64_t layers,
                  std::vector<OutputTensor>* tensors) {
    static constexpr uint8_t kMask[16] = {};
    for (const std::string& name : GetParam().surplus) {
      const int64_t copies = absl::StrContains(name, "#") ? layers : 1;
      for (int64_t layer = 0; layer < copies; ++layer) {
        tensors->push_back(
            {absl::StrReplaceAll(name, {{"#", absl::StrCat(layer)}}),
             "BOOL",
             {1, 1, 4, 4},
             kMask});
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

INSTANTIATE_TEST_SUITE_P(Models, GoldenLogitsTest, testing::ValuesIn(Goldens()),
                         [](const testing::TestParamInfo<Golden>& param) {
                           std::string name = param.param.folder;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ounce
