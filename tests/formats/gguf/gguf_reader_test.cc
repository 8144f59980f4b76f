#include "formats/gguf/gguf_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "formats/gguf/gguf_names.h"
#include "formats/safetensors/safetensors_reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/gguf_checkpoint.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kGoldenFolder[] = OUNCE_SOURCE_DIR "/tests/golden/gguf/";

absl::StatusOr<GgufShards> ParseShards(const std::string& file) {
  return GgufShards::Parse(absl::MakeConstSpan(
      reinterpret_cast<const uint8_t*>(file.data()), file.size()));
}

absl::StatusOr<ModelFile> Bind(const std::string& file,
                               const OpenOptions& options = {}) {
  absl::StatusOr<GgufShards> shards = ParseShards(file);
  if (!shards.ok()) return shards.status();
  return BindGguf(*std::move(shards), options);
}

// An architecture of GGUF, and the config of the same model on Hugging Face.
struct Family {
  const char* architecture;
  const char* model_type;
  const char* members;
};

const std::vector<Family>& Families() {
  static constexpr char kSizes[] =
      R"("vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
         "intermediate_size": 7, "max_position_embeddings": 32)";
  static const auto& families = *new std::vector<Family>{
      {"llama", "llama", kSizes},
      {"llama", "mixtral",
       R"("vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
          "intermediate_size": 7, "max_position_embeddings": 32,
          "num_local_experts": 3, "rope_theta": 50000, "rms_norm_eps": 1e-6)"},
      {"qwen2", "qwen2",
       R"("vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 2,
          "intermediate_size": 7, "max_position_embeddings": 32,
          "tie_word_embeddings": true)"},
      {"qwen3", "qwen3", kSizes},
      {"qwen2moe", "qwen2_moe",
       R"("vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
          "intermediate_size": 7, "max_position_embeddings": 32,
          "num_experts": 4, "num_experts_per_tok": 3,
          "moe_intermediate_size": 5, "shared_expert_intermediate_size": 9)"},
      {"qwen3moe", "qwen3_moe",
       R"("vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 2,
          "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6,
          "intermediate_size": 7, "max_position_embeddings": 32,
          "num_experts": 4, "num_experts_per_tok": 3,
          "moe_intermediate_size": 5, "norm_topk_prob": true)"},
      {"phi3", "phi3", kSizes},
      {"gpt2", "gpt2",
       R"("vocab_size": 10, "n_embd": 12, "n_layer": 2, "n_head": 2,
          "n_positions": 32)"},
  };
  return families;
}

// Every element another number.
CanonicalValues Values(const ModelSpec& spec) {
  CanonicalValues values;
  float next = 0.0f;
  for (const TensorSlot& slot : TensorTable(spec)) {
    int64_t size = 1;
    for (const int64_t dimension : slot.shape) size *= dimension;
    std::vector<float>& tensor = values[slot.name];
    for (int64_t i = 0; i < size; ++i) tensor.push_back(next++);
  }
  return values;
}

class GgufFamilyTest : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(spec_,
                         FamilySpec(GetParam().model_type, GetParam().members));
    // GGUF holds it in f32.
    spec_.norm_epsilon =
        static_cast<double>(static_cast<float>(spec_.norm_epsilon));
  }
  ModelSpec spec_;
};

TEST_P(GgufFamilyTest, EveryTensorIsWhatTheConverterWasGiven) {
  const CanonicalValues values = Values(spec_);
  GgufCheckpoint checkpoint(spec_, GetParam().architecture);
  checkpoint.AddAll(values);
  const std::string file = checkpoint.image().Build();
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Bind(file, {.strict = true}));
  ASSERT_EQ(model.bound.tensors.size(), values.size());
  for (const BoundTensor& tensor : model.bound.tensors) {
    std::vector<float> read(
        static_cast<size_t>(tensor.matrix.rows * tensor.matrix.cols));
    ReadRows(tensor, 0, tensor.matrix.rows, read.data());
    EXPECT_EQ(read, values.at(tensor.slot.name)) << tensor.slot.name;
  }
}

TEST_P(GgufFamilyTest, TheSpecIsThatOfTheConfig) {
  GgufCheckpoint checkpoint(spec_, GetParam().architecture);
  checkpoint.AddAll(Values(spec_));
  const std::string file = checkpoint.image().Build();
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Bind(file));
  const ModelSpec& spec = model.spec;
  EXPECT_EQ(spec.architecture, spec_.architecture);
  EXPECT_EQ(spec.vocab, spec_.vocab);
  EXPECT_EQ(spec.max_context, spec_.max_context);
  EXPECT_EQ(spec.norm_epsilon, spec_.norm_epsilon);
  EXPECT_EQ(spec.rotary.base, spec_.rotary.base);
  EXPECT_EQ(spec.tied_head, spec_.tied_head);
  EXPECT_EQ(spec.experts.per_token, spec_.experts.per_token);
  EXPECT_EQ(spec.experts.ffn, spec_.experts.ffn);
  EXPECT_EQ(spec.experts.shared_ffn, spec_.experts.shared_ffn);
  EXPECT_EQ(spec.experts.normalized, spec_.experts.normalized);
  EXPECT_EQ(spec.qk_norm, spec_.qk_norm);
  EXPECT_EQ(spec.qkv_bias, spec_.qkv_bias);
  EXPECT_EQ(spec.activation, spec_.activation);
  EXPECT_EQ(spec.position, spec_.position);
}

INSTANTIATE_TEST_SUITE_P(All, GgufFamilyTest, ::testing::ValuesIn(Families()),
                         [](const ::testing::TestParamInfo<Family>& test) {
                           return std::string(test.param.model_type);
                         });

// What gguf-py 0.17 makes of the tensors that llama.cpp's llama-quantize wrote
// (tests/golden/make_gguf.py): bit for bit.
class GgufGoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(GgufGoldenTest, TensorsHaveTheReferenceBits) {
  const std::string path = absl::StrCat(kGoldenFolder, GetParam());
  ASSERT_OK_AND_ASSIGN(const GgufShards shards,
                       GgufShards::Open(path + ".gguf"));
  ASSERT_OK_AND_ASSIGN(const auto golden,
                       OpenSafetensors(path + ".golden.safetensors"));
  int compared = 0;
  for (const StoredTensor& expected : golden->tensors()) {
    if (expected.name.rfind("tensor.", 0) != 0) continue;
    const GgufTensor* tensor = shards.Find(expected.name.substr(7));
    ASSERT_NE(tensor, nullptr);
    ASSERT_EQ(tensor->shape, expected.shape);
    ASSERT_OK_AND_ASSIGN(const std::string name,
                         shards.metadata().String("general.architecture"));
    ASSERT_OK_AND_ASSIGN(const GgufArchitecture* const architecture,
                         FindGgufArchitecture(name, false));
    ASSERT_OK_AND_ASSIGN(
        const auto stored,
        ToStoredTensors(*architecture, *tensor, /*head_dim=*/2));
    const Codec codec = *stored[0].codec;
    const PackedMatrix matrix = {codec,
                                 tensor->shape[0],
                                 tensor->shape[1],
                                 0,
                                 tensor->bytes.data(),
                                 static_cast<int64_t>(tensor->bytes.size())};
    std::vector<float> values(static_cast<size_t>(matrix.rows * matrix.cols));
    GetCodecInfo(codec).unpack_rows(matrix, 0, matrix.rows, values.data());
    ASSERT_EQ(values.size() * sizeof(float), expected.bytes.size());
    EXPECT_EQ(std::memcmp(values.data(), expected.bytes.data(),
                          expected.bytes.size()),
              0)
        << expected.name;
    ++compared;
  }
  EXPECT_GE(compared, 1);
}

INSTANTIATE_TEST_SUITE_P(
    All, GgufGoldenTest,
    ::testing::Values("gpt2-F16", "llama-BF16", "llama-F16", "llama-F32",
                      "llama-IQ4_NL", "llama-IQ4_XS", "llama-Q2_K",
                      "llama-Q3_K", "llama-Q4_0", "llama-Q4_1", "llama-Q4_K",
                      "llama-Q5_0", "llama-Q5_1", "llama-Q5_K", "llama-Q6_K",
                      "llama-Q8_0", "qwen2-F16"),
    [](const ::testing::TestParamInfo<const char*>& test) {
      std::string name = test.param;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

class GgufReaderTest : public ::testing::Test {
 protected:
  static ModelSpec Spec() {
    return *FamilySpec(Families()[0].model_type, Families()[0].members);
  }
  static GgufCheckpoint Checkpoint() {
    GgufCheckpoint checkpoint(Spec(), "llama");
    checkpoint.AddAll(Values(Spec()));
    return checkpoint;
  }
  const TempFolder folder_;
};

TEST_F(GgufReaderTest, IsFoundByItsMagicWhateverItsName) {
  folder_.Write("model.bin", Checkpoint().image().Build());
  folder_.Write("model.gguf", "something else");
  folder_.Write("short.gguf", "GGU");
  EXPECT_TRUE(IsGguf(folder_.Path("model.bin")));
  EXPECT_FALSE(IsGguf(folder_.Path("model.gguf")));
  EXPECT_FALSE(IsGguf(folder_.Path("short.gguf")));
  EXPECT_FALSE(IsGguf(folder_.path()));
  ASSERT_OK_AND_ASSIGN(const ModelFile model,
                       OpenModel(folder_.Path("model.bin")));
  EXPECT_EQ(model.format, "gguf");
  EXPECT_THAT(model.files, ElementsAre("model.bin"));
  EXPECT_EQ(model.folder, folder_.path());
  EXPECT_EQ(model.tokenizer.kind, TokenizerKind::kNone);
}

TEST_F(GgufReaderTest, BlocksStayWhereTheFileHasThem) {
  const std::string path = absl::StrCat(kGoldenFolder, "llama-Q4_K.gguf");
  ASSERT_OK_AND_ASSIGN(const ModelFile model, OpenModel(path));
  for (const BoundTensor& tensor : model.bound.tensors) {
    if (tensor.slot.shape.size() != 2) continue;
    EXPECT_EQ(tensor.matrix.codec, Codec::kQ4K) << tensor.slot.name;
    EXPECT_EQ(tensor.matrix.bytes,
              tensor.matrix.rows * tensor.matrix.cols / 256 * 144);
  }
}

TEST_F(GgufReaderTest, AVocabularyAloneHasATokenizerAndNoModel) {
  GgufImage image;
  image.Value("general.architecture", GgufString("unheard-of"));
  folder_.Write("vocab.gguf", image.Build());
  EXPECT_OK(OpenTokenizer(folder_.Path("vocab.gguf")).status());
  EXPECT_THAT(OpenModel(folder_.Path("vocab.gguf")),
              StatusIs(absl::StatusCode::kUnimplemented,
                       AllOf(HasSubstr("vocab.gguf"), HasSubstr("unheard-of"),
                             HasSubstr("llama, qwen2"))));
}

TEST_F(GgufReaderTest, NamesAMissingTensor) {
  ModelSpec spec = Spec();
  CanonicalValues values = Values(spec);
  spec.layers = 1;
  GgufCheckpoint checkpoint(spec, "llama");
  checkpoint.AddAll(values);
  spec.layers = 2;
  GgufCheckpoint larger(spec, "llama");
  larger.image().tensors = checkpoint.image().tensors;
  larger.image().num_tensors = checkpoint.image().num_tensors;
  larger.image().data = checkpoint.image().data;
  EXPECT_THAT(Bind(larger.image().Build()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'model.layers.1.input_layernorm.weight'")));
}

// Nor is a list of their tensors made.
TEST_F(GgufReaderTest, MoreLayersThanTensorsAreRefused) {
  ModelSpec spec = Spec();
  spec.layers = 4000;
  GgufCheckpoint checkpoint(spec, "llama");
  EXPECT_THAT(
      Bind(checkpoint.image().Build()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4000 layers")));
}

TEST_F(GgufReaderTest, UnknownTensorsAreSurplusAndRefusedWhenStrict) {
  GgufCheckpoint checkpoint = Checkpoint();
  checkpoint.Add("blk.0.attn_sinks.weight", {2}, {1, 2});
  const std::string file = checkpoint.image().Build();
  ASSERT_OK_AND_ASSIGN(const ModelFile model, Bind(file));
  EXPECT_THAT(model.bound.surplus, ElementsAre("blk.0.attn_sinks.weight"));
  EXPECT_THAT(Bind(file, {.strict = true}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("blk.0.attn_sinks.weight")));
}

// Both would be model.layers.0.block_sparse_moe.experts.0.w1.
TEST_F(GgufReaderTest, RefusesTwoTensorsThatAreOne) {
  const Family& mixtral = Families()[1];
  const ModelSpec spec = *FamilySpec(mixtral.model_type, mixtral.members);
  GgufCheckpoint checkpoint(spec, "llama");
  checkpoint.AddAll(Values(spec));
  checkpoint.Add("blk.0.ffn_gate.0.weight", {7, 12},
                 std::vector<float>(7 * 12));
  EXPECT_THAT(Bind(checkpoint.image().Build()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("blk.0.ffn_gate.0.weight"),
                             HasSubstr("experts.0.w1.weight"))));
}

}  // namespace
}  // namespace ounce
