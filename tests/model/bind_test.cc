#include "model/bind.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tensor_table.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

ModelSpec SmallSpec() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 8;
  spec.width = 4;
  spec.layers = 1;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.head_dim = 2;
  spec.ffn = 6;
  spec.max_context = 16;
  return spec;
}

class BindTensorsTest : public ::testing::Test {
 protected:
  BindTensorsTest() { AddAll(""); }

  // All tensors of the spec, without `prefix` of their names.
  void AddAll(absl::string_view prefix) {
    for (const TensorSlot& slot : TensorTable(spec_)) {
      absl::string_view name = slot.name;
      if (name.substr(0, prefix.size()) == prefix) {
        name.remove_prefix(prefix.size());
      }
      Add(std::string(name), slot.shape);
    }
  }
  void Add(const std::string& name, const Shape& shape) {
    size_t size = 1;
    for (const int64_t dimension : shape) {
      size *= static_cast<size_t>(dimension);
    }
    source_.AddFloats(name, shape, std::vector<float>(size));
  }
  absl::StatusOr<BoundTensors> Bind() {
    return BindTensors(spec_, *FindArchitecture("llama"), source_);
  }

  ModelSpec spec_ = SmallSpec();
  FakeTensorSource source_;
};

TEST_F(BindTensorsTest, GivesTheTableInItsOrderWithTheSourcesBytes) {
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  const std::vector<TensorSlot> table = TensorTable(spec_);
  ASSERT_EQ(bound.tensors.size(), table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    const BoundTensor& tensor = bound.tensors[i];
    EXPECT_EQ(tensor.slot.name, table[i].name);
    EXPECT_EQ(tensor.slot.shape, table[i].shape);
    EXPECT_EQ(tensor.matrix.data, source_.Find(table[i].name)->bytes.data());
    EXPECT_EQ(tensor.matrix.bytes, CountParameters({table[i]}) * 4);
    EXPECT_EQ(tensor.matrix.codec, Codec::kF32);
  }
  EXPECT_THAT(bound.surplus, IsEmpty());
}

TEST_F(BindTensorsTest, VectorIsOneRow) {
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_EQ(bound.tensors[1].slot.role, TensorRole::kVector);
  EXPECT_EQ(bound.tensors[1].matrix.rows, 1);
  EXPECT_EQ(bound.tensors[1].matrix.cols, 4);
  EXPECT_EQ(bound.tensors[0].matrix.rows, 8);
  EXPECT_EQ(bound.tensors[0].matrix.cols, 4);
}

TEST_F(BindTensorsTest, FindsTensorsWithoutTheModelPrefix) {
  source_ = FakeTensorSource();
  AddAll("model.");
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_EQ(bound.tensors[0].slot.name, "model.embed_tokens.weight");
  EXPECT_THAT(bound.surplus, IsEmpty());
}

TEST_F(BindTensorsTest, CanonicalNamesAloneCountWithoutAnArchitecture) {
  EXPECT_OK(BindTensors(spec_, nullptr, source_));
  source_ = FakeTensorSource();
  AddAll("model.");
  EXPECT_THAT(
      BindTensors(spec_, nullptr, source_),
      StatusIs(kInvalid, HasSubstr("'model.embed_tokens.weight' of shape")));
}

TEST_F(BindTensorsTest, NamesAMissingTensorUnderAllItsNames) {
  source_.Remove("model.layers.0.mlp.up_proj.weight");
  EXPECT_THAT(
      Bind(),
      StatusIs(kInvalid, HasSubstr("'model.layers.0.mlp.up_proj.weight' or "
                                   "'layers.0.mlp.up_proj.weight' of shape "
                                   "[6, 4] is missing")));
}

TEST_F(BindTensorsTest, NamesBothShapesWhenTheyDiffer) {
  source_.Remove("model.norm.weight");
  Add("model.norm.weight", {5});
  EXPECT_THAT(Bind(),
              StatusIs(kInvalid, HasSubstr("'model.norm.weight' has shape [5]; "
                                           "the config asks for [4]")));
}

TEST_F(BindTensorsTest, SameSizeInAnotherShapeIsNoMatch) {
  source_.Remove("model.layers.0.mlp.down_proj.weight");
  Add("model.layers.0.mlp.down_proj.weight", {6, 4});
  EXPECT_THAT(Bind(), StatusIs(kInvalid, AllOf(HasSubstr("[6, 4]"),
                                               HasSubstr("[4, 6]"))));
}

TEST_F(BindTensorsTest, RefusesATypeThatIsNoWeight) {
  source_.Remove("model.norm.weight");
  source_.AddOther("model.norm.weight", {4}, "I64");
  EXPECT_THAT(Bind(), StatusIs(absl::StatusCode::kUnimplemented,
                               AllOf(HasSubstr("'model.norm.weight'"),
                                     HasSubstr("has type I64"),
                                     HasSubstr("F32, F16 or BF16"))));
}

TEST_F(BindTensorsTest, ListsSurplusTensorsSorted) {
  Add("z.weight", {2});
  Add("model.layers.1.mlp.up_proj.weight", {6, 4});
  source_.AddOther("a.counter", {1}, "I64");
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_THAT(bound.surplus,
              ElementsAre("a.counter", "model.layers.1.mlp.up_proj.weight",
                          "z.weight"));
}

TEST_F(BindTensorsTest, SecondNameOfABoundTensorIsSurplus) {
  Add("norm.weight", {4});
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_THAT(bound.surplus, ElementsAre("norm.weight"));
}

TEST_F(BindTensorsTest, SkipsHarmlessTensorsWhateverTheirType) {
  source_.AddOther("model.layers.0.self_attn.rotary_emb.inv_freq", {1}, "F64");
  source_.AddOther("model.position_ids", {16}, "I64");
  source_.AddOther("model.layers.0.attn.bias", {4, 4}, "BOOL");
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_THAT(bound.surplus, IsEmpty());
}

TEST_F(BindTensorsTest, CopyOfATiedHeadIsSkipped) {
  spec_.tied_head = true;
  ASSERT_NE(source_.Find("lm_head.weight"), nullptr);
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, Bind());
  EXPECT_THAT(bound.surplus, IsEmpty());
  EXPECT_EQ(bound.tensors.back().slot.name, "model.norm.weight");
}

TEST_F(BindTensorsTest, NothingIsHarmlessInAnArtifact) {
  Add("model.rotary_emb.inv_freq", {1});
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                       BindTensors(spec_, nullptr, source_));
  EXPECT_THAT(bound.surplus, ElementsAre("model.rotary_emb.inv_freq"));
}

}  // namespace
}  // namespace ounce
