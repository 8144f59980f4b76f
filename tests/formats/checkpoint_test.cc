#include "formats/huggingface/checkpoint.h"

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "formats/huggingface/tokenizer_files.h"
#include "formats/safetensors/safetensors_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A Llama of one block of width 4 whose head is the embedding.
constexpr char kConfig[] = R"({
  "model_type": "llama", "vocab_size": 8, "hidden_size": 4,
  "intermediate_size": 6, "num_hidden_layers": 1, "num_attention_heads": 1,
  "num_key_value_heads": 1, "max_position_embeddings": 16, "hidden_act": "silu",
  "rms_norm_eps": 1e-5, "tie_word_embeddings": true, "eos_token_id": 2})";

std::vector<std::pair<std::string, Shape>> TinyTensors() {
  const std::string layer = "model.layers.0.";
  return {{"model.embed_tokens.weight", {8, 4}},
          {layer + "input_layernorm.weight", {4}},
          {layer + "self_attn.q_proj.weight", {4, 4}},
          {layer + "self_attn.k_proj.weight", {4, 4}},
          {layer + "self_attn.v_proj.weight", {4, 4}},
          {layer + "self_attn.o_proj.weight", {4, 4}},
          {layer + "post_attention_layernorm.weight", {4}},
          {layer + "mlp.gate_proj.weight", {6, 4}},
          {layer + "mlp.up_proj.weight", {6, 4}},
          {layer + "mlp.down_proj.weight", {4, 6}},
          {"model.norm.weight", {4}}};
}

class CheckpointTest : public ::testing::Test {
 protected:
  // A folder with config.json and weights, which are all 0.
  void WriteCheckpoint() {
    folder_.Write("config.json", kConfig);
    WriteWeights(TinyTensors());
  }
  void WriteWeights(const std::vector<std::pair<std::string, Shape>>& shapes) {
    static const std::vector<uint8_t> zeros(256);
    std::vector<OutputTensor> tensors;
    for (const auto& [name, shape] : shapes) {
      size_t bytes = 4;
      for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
      tensors.push_back(
          {name, "F32", shape, absl::MakeConstSpan(zeros).subspan(0, bytes)});
    }
    ASSERT_OK(WriteSafetensors(folder_.Path("model.safetensors"), tensors));
  }
  absl::StatusOr<ModelFile> Open(bool strict = false) {
    OpenOptions options;
    options.strict = strict;
    return OpenCheckpoint(folder_.path(), options);
  }

  const TempFolder folder_;
};

testing::Matcher<absl::StatusOr<ModelFile>> Fails(absl::StatusCode code,
                                                  const std::string& words) {
  return StatusIs(code, HasSubstr(words));
}

TEST_F(CheckpointTest, BindsTheTensorsOfTheConfig) {
  WriteCheckpoint();
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Open());
  EXPECT_EQ(model.format, "safetensors");
  EXPECT_EQ(model.path, folder_.path());
  EXPECT_EQ(model.artifact, nullptr);
  EXPECT_EQ(model.spec.architecture, "llama");
  EXPECT_EQ(model.spec.ffn, 6);
  EXPECT_TRUE(model.spec.tied_head);
  ASSERT_EQ(model.bound.tensors.size(), 11u);
  EXPECT_EQ(model.bound.tensors[0].slot.name, "model.embed_tokens.weight");
  EXPECT_EQ(model.bound.tensors[0].matrix.rows, 8);
  EXPECT_THAT(model.bound.surplus, IsEmpty());
  EXPECT_EQ(model.tokenizer.kind, TokenizerKind::kNone);
  EXPECT_THAT(model.files, ElementsAre("config.json", "model.safetensors"));
}

TEST_F(CheckpointTest, ListsEveryFileItReadSorted) {
  WriteCheckpoint();
  folder_.Write("tokenizer.json", "T");
  folder_.Write("tokenizer_config.json", "C");
  folder_.Write("chat_template.jinja", "J");
  folder_.Write("generation_config.json", "{\"eos_token_id\": [5, 6]}");
  folder_.Write("README.md", "not a part");
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Open());
  EXPECT_THAT(model.files,
              ElementsAre("chat_template.jinja", "config.json",
                          "generation_config.json", "model.safetensors",
                          "tokenizer.json", "tokenizer_config.json"));
  EXPECT_THAT(model.spec.stop_ids, ElementsAre(5, 6));
  EXPECT_EQ(model.tokenizer.kind, TokenizerKind::kTokenizerJson);
  ASSERT_EQ(model.tokenizer.files.size(), 3u);
  EXPECT_EQ(*model.tokenizer.Find("tokenizer.json"), "T");
  EXPECT_EQ(*model.tokenizer.Find("tokenizer_config.json"), "C");
  EXPECT_EQ(*model.tokenizer.Find("chat_template.jinja"), "J");
}

TEST_F(CheckpointTest, ListsAConfigOnceThatIsTheTokenizersToo) {
  WriteCheckpoint();
  folder_.Write("vocab.txt", "a\n");
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Open());
  EXPECT_THAT(model.files,
              ElementsAre("config.json", "model.safetensors", "vocab.txt"));
  EXPECT_EQ(model.tokenizer.kind, TokenizerKind::kWordPieceFiles);
}

TEST_F(CheckpointTest, KeepsEveryFileThatChatTemplatesComeFrom) {
  std::filesystem::create_directory(folder_.Path("additional_chat_templates"));
  for (const char* name :
       {"tokenizer.json", "special_tokens_map.json", "chat_template.json",
        "additional_chat_templates/b.jinja",
        "additional_chat_templates/a.jinja",
        "additional_chat_templates/note.txt"}) {
    folder_.Write(name, name);
  }
  ASSERT_OK_AND_ASSIGN(const TokenizerAsset tokenizer,
                       OpenCheckpointTokenizer(folder_.path()));
  std::vector<std::string> names;
  for (const TokenizerAsset::File& file : tokenizer.files) {
    EXPECT_EQ(file.bytes, file.name);
    names.push_back(file.name);
  }
  EXPECT_THAT(names, ElementsAre("tokenizer.json", "special_tokens_map.json",
                                 "chat_template.json",
                                 "additional_chat_templates/a.jinja",
                                 "additional_chat_templates/b.jinja"));
}

TEST_F(CheckpointTest, SaysWhatAFolderWithoutConfigShouldHold) {
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kNotFound,
                            "has no config.json; expected a Hugging Face "
                            "folder with config.json and model.safetensors "
                            "or pytorch_model.bin, a .gguf file or an .oz "
                            "file"));
}

TEST_F(CheckpointTest, NamesTheConfigInErrors) {
  WriteCheckpoint();
  folder_.Write("config.json", "{\"model_type\": }");
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kInvalidArgument,
                            "/config.json': not JSON at byte"));
  folder_.Write("config.json", "{\"model_type\": \"rnn\"}");
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kUnimplemented, "config.json'"));
  folder_.Write("config.json", kConfig);
  folder_.Write("generation_config.json", "[");
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kInvalidArgument,
                            "/generation_config.json': not JSON at byte"));
}

TEST_F(CheckpointTest, RefusesAConfigTooLargeToBeOne) {
  folder_.Write("config.json", std::string((16 << 20) + 1, ' '));
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kInvalidArgument,
                            "expected at most 16777216"));
}

TEST_F(CheckpointTest, ReportsMissingWeights) {
  folder_.Write("config.json", kConfig);
  EXPECT_THAT(Open(),
              Fails(absl::StatusCode::kNotFound,
                    "has no weights; expected one of model.safetensors,"));
  auto tensors = TinyTensors();
  tensors.pop_back();
  WriteWeights(tensors);
  EXPECT_THAT(Open(),
              Fails(absl::StatusCode::kInvalidArgument, "'model.norm.weight"));
}

TEST_F(CheckpointTest, ListsSurplusTensorsAndRefusesThemWhenStrict) {
  folder_.Write("config.json", kConfig);
  auto tensors = TinyTensors();
  for (int i = 10; i < 22; ++i) {
    tensors.push_back({absl::StrCat("extra.", i), {1}});
  }
  WriteWeights(tensors);
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Open());
  EXPECT_EQ(model.bound.surplus.size(), 12u);
  EXPECT_THAT(
      Open(/*strict=*/true),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("12 tensors that architecture 'llama' does not "
                               "know: extra.10, extra.11, "),
                     HasSubstr("extra.19, ...; open without --strict"),
                     Not(HasSubstr("extra.20")))));
}

TEST_F(CheckpointTest, StrictAcceptsACheckpointWithoutSurplus) {
  WriteCheckpoint();
  EXPECT_OK(Open(/*strict=*/true).status());
}

// Checkpoints written by transformers.  Three blocks of nine tensors,
// embedding, last norm, and a head unless it is tied.
class GoldenCheckpointTest
    : public ::testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(GoldenCheckpointTest, OpensStrictly) {
  const auto& [name, num_tensors] = GetParam();
  OpenOptions options;
  options.strict = true;
  ASSERT_OK_AND_ASSIGN(
      const ModelFile model,
      OpenCheckpoint(
          absl::StrCat(OUNCE_SOURCE_DIR, "/tests/golden/models/", name),
          options));
  EXPECT_EQ(model.spec.width, 64);
  EXPECT_EQ(model.bound.tensors.size(), num_tensors);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenCheckpointTest,
                         ::testing::Values(std::pair("llama-gqa", 30),
                                           std::pair("mistral-window", 30),
                                           std::pair("llama3-scaled-tied", 29),
                                           std::pair("llama-bf16-sharded",
                                                     30)));

}  // namespace
}  // namespace ounce
