#include "formats/gguf/gguf_names.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GgufNamesTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<StoredTensor>> Stored(const std::string& name,
                                                   const Shape& shape,
                                                   uint32_t type = 0) {
    GgufTensor tensor;
    tensor.name = name;
    tensor.shape = shape;
    tensor.type = type;
    tensor.bytes = bytes_;
    return ToStoredTensors(**FindGgufArchitecture(architecture_, experts_),
                           tensor, /*head_dim=*/4);
  }

  std::string architecture_ = "llama";
  bool experts_ = false;
  const std::vector<uint8_t> bytes_ = std::vector<uint8_t>(96);
};

TEST_F(GgufNamesTest, LayersGetTheirNumbers) {
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       Stored("blk.17.ffn_down.weight", {4, 6}));
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].name, "model.layers.17.mlp.down_proj.weight");
  EXPECT_EQ(stored[0].shape, (Shape{4, 6}));
  EXPECT_EQ(stored[0].dtype, "F32");
  EXPECT_EQ(stored[0].codec, Codec::kF32);
  EXPECT_FALSE(stored[0].transposed);
  EXPECT_EQ(stored[0].pair_rows, 0);
}

TEST_F(GgufNamesTest, LlamasQueriesAndKeysAreInterleavedQwensAreNot) {
  for (const char* name : {"blk.0.attn_q.weight", "blk.0.attn_k.bias"}) {
    ASSERT_OK_AND_ASSIGN(const auto llama, Stored(name, {8, 3}));
    EXPECT_EQ(llama[0].pair_rows, 4) << name;
    // No whole heads: binding will refuse the shape.
    ASSERT_OK_AND_ASSIGN(const auto odd, Stored(name, {6, 4}));
    EXPECT_EQ(odd[0].pair_rows, 0) << name;
  }
  ASSERT_OK_AND_ASSIGN(const auto value, Stored("blk.0.attn_v.weight", {8, 3}));
  EXPECT_EQ(value[0].pair_rows, 0);
  architecture_ = "qwen2";
  ASSERT_OK_AND_ASSIGN(const auto qwen, Stored("blk.0.attn_q.weight", {8, 3}));
  EXPECT_EQ(qwen[0].pair_rows, 0);
}

TEST_F(GgufNamesTest, Gpt2sMatricesAreTurnedRound) {
  architecture_ = "gpt2";
  ASSERT_OK_AND_ASSIGN(const auto fused,
                       Stored("blk.1.attn_qkv.weight", {12, 2}));
  EXPECT_EQ(fused[0].name, "transformer.h.1.attn.c_attn.weight");
  EXPECT_EQ(fused[0].shape, (Shape{2, 12}));
  EXPECT_TRUE(fused[0].transposed);
  ASSERT_OK_AND_ASSIGN(const auto bias, Stored("blk.1.attn_qkv.bias", {24}));
  EXPECT_EQ(bias[0].shape, (Shape{24}));
  EXPECT_FALSE(bias[0].transposed);
}

TEST_F(GgufNamesTest, StacksOfExpertsAreTakenApart) {
  experts_ = true;
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       Stored("blk.3.ffn_up_exps.weight", {3, 4, 2}));
  ASSERT_EQ(stored.size(), 3u);
  EXPECT_EQ(stored[2].name,
            "model.layers.3.block_sparse_moe.experts.2.w3.weight");
  EXPECT_EQ(stored[2].shape, (Shape{4, 2}));
  EXPECT_EQ(stored[2].bytes.data(), bytes_.data() + 64);
  EXPECT_EQ(stored[2].bytes.size(), 32u);
}

TEST_F(GgufNamesTest, OlderExpertsHaveTheirNumbersInTheirNames) {
  experts_ = true;
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       Stored("blk.3.ffn_gate.7.weight", {4, 6}));
  EXPECT_EQ(stored[0].name,
            "model.layers.3.block_sparse_moe.experts.7.w1.weight");
}

TEST_F(GgufNamesTest, StacksThatAreNoneAreRefused) {
  experts_ = true;
  for (const Shape& shape : {Shape{24}, Shape{4, 6}, Shape{2000, 1, 1}}) {
    EXPECT_THAT(Stored("blk.3.ffn_up_exps.weight", shape),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("blk.3.ffn_up_exps.weight"),
                               HasSubstr("[experts, out, in]"))));
  }
}

TEST_F(GgufNamesTest, WhatCarriesNothingIsLeftOut) {
  EXPECT_THAT(*Stored("rope_freqs.weight", {2}), IsEmpty());
  EXPECT_THAT(*Stored("blk.0.attn_rot_embd", {2}), IsEmpty());
}

TEST_F(GgufNamesTest, UnknownTensorsKeepTheirNamesAndAreNoWeights) {
  for (const char* name : {"blk.x.ffn_up.weight", "ffn_up.weight", "weight",
                           ".", "", "model.norm.weight", "blk.0.1.2.weight",
                           "blk.0.ffn_up.weight.weight"}) {
    ASSERT_OK_AND_ASSIGN(const auto stored, Stored(name, {4, 6}));
    ASSERT_EQ(stored.size(), 1u);
    EXPECT_EQ(stored[0].name, name);
    EXPECT_EQ(stored[0].codec, std::nullopt);
  }
}

TEST_F(GgufNamesTest, UnsupportedTypesAreNamedWithTheList) {
  struct Type {
    uint32_t number;
    const char* name;
  };
  for (const Type& type :
       {Type{16, "IQ2_XXS"}, Type{34, "TQ1_0"}, Type{39, "MXFP4"},
        Type{28, "F64"}, Type{24, "I8"}, Type{9, "Q8_1"}}) {
    EXPECT_THAT(Stored("output.weight", {4, 6}, type.number),
                StatusIs(absl::StatusCode::kUnimplemented,
                         AllOf(HasSubstr("'output.weight' has type "),
                               HasSubstr(type.name), HasSubstr("Q4_K"),
                               HasSubstr("IQ4_XS"))));
  }
}

TEST(FindGgufArchitectureTest, ExpertsDecide) {
  EXPECT_EQ((*FindGgufArchitecture("llama", false))->model_type, "llama");
  EXPECT_EQ((*FindGgufArchitecture("llama", true))->model_type, "mixtral");
  EXPECT_THAT(FindGgufArchitecture("gpt2", true),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("'gpt2' with experts")));
  EXPECT_THAT(
      FindGgufArchitecture("mamba", false),
      StatusIs(
          absl::StatusCode::kUnimplemented,
          HasSubstr("llama, qwen2, qwen2moe, qwen3, qwen3moe, phi3, gpt2")));
}

}  // namespace
}  // namespace ounce
