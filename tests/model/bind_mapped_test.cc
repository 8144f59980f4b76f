// Tensors of model/bind.h that are parts of stored ones.
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/bind.h"
#include "tests/util/fake_tensor_source.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Numbers as they are stored: 0, 1, 2 ...
std::vector<float> Counting(size_t size) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<float>(i);
  return values;
}

// A stored tensor, and a matrix or vector within it.
class Mapped {
 public:
  Mapped(Codec codec, const std::vector<float>& stored, Shape shape,
         ElementMap map) {
    source_.AddFloats("w", {static_cast<int64_t>(stored.size())}, stored,
                      codec);
    const bool is_vector = shape.size() == 1;
    tensor_.matrix.codec = codec;
    tensor_.matrix.rows = is_vector ? 1 : shape[0];
    tensor_.matrix.cols = shape.back();
    tensor_.matrix.data = source_.Find("w")->bytes.data();
    tensor_.slot = {"w", std::move(shape), TensorRole::kMatrix};
    tensor_.map = map;
  }
  std::vector<float> Read(int64_t begin, int64_t end) const {
    std::vector<float> values(
        static_cast<size_t>((end - begin) * tensor_.matrix.cols));
    ReadRows(tensor_, begin, end, values.data());
    return values;
  }
  const BoundTensor& tensor() const { return tensor_; }
  // Where `part` begins and how long it is, in elements.
  std::vector<int64_t> Elements(absl::Span<const uint8_t> part) const {
    const int64_t size = tensor_.matrix.codec == Codec::kF32 ? 4 : 2;
    return {(part.data() - tensor_.matrix.data) / size,
            static_cast<int64_t>(part.size()) / size};
  }

 private:
  FakeTensorSource source_;
  BoundTensor tensor_;
};

class MappedTest : public ::testing::TestWithParam<Codec> {};

// [3, 2] stored as [2, 3]: columns become rows.
TEST_P(MappedTest, TransposedRowsAreColumns) {
  const Mapped mapped(GetParam(), Counting(6), {3, 2},
                      {.row_step = 1, .column_step = 3});
  EXPECT_THAT(mapped.Read(0, 3), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(mapped.Read(1, 2), ElementsAre(1, 4));
  EXPECT_THAT(mapped.Read(2, 2), ElementsAre());
}

// Two groups of one row of two elements, from stored row 1, three rows apart.
TEST_P(MappedTest, GroupsSkipWhatIsBetween) {
  const ElementMap map = {
      .first = 1, .group_rows = 1, .group_step = 3, .row_step = 2};
  const Mapped mapped(GetParam(), Counting(12), {2, 2}, map);
  EXPECT_THAT(mapped.Read(0, 2), ElementsAre(2, 3, 8, 9));
  EXPECT_THAT(mapped.Read(1, 2), ElementsAre(8, 9));
}

TEST_P(MappedTest, VectorsAreOneRow) {
  const ElementMap map = {
      .first = 2, .group_rows = 2, .group_step = 6, .row_step = 1};
  const Mapped mapped(GetParam(), Counting(12), {4}, map);
  EXPECT_THAT(mapped.Read(0, 1), ElementsAre(2, 3, 8, 9));
  EXPECT_THAT(mapped.Elements(StoredBytes(mapped.tensor(), 0, 1)),
              ElementsAre(2, 8));
}

TEST_P(MappedTest, StoredBytesSpanFromTheFirstElementToTheLast) {
  const Mapped transposed(GetParam(), Counting(6), {3, 2},
                          {.row_step = 1, .column_step = 3});
  EXPECT_THAT(transposed.Elements(StoredBytes(transposed.tensor(), 0, 3)),
              ElementsAre(0, 6));
  EXPECT_THAT(transposed.Elements(StoredBytes(transposed.tensor(), 1, 2)),
              ElementsAre(1, 4));
  const ElementMap map = {
      .first = 1, .group_rows = 1, .group_step = 3, .row_step = 2};
  const Mapped grouped(GetParam(), Counting(12), {2, 2}, map);
  EXPECT_THAT(grouped.Elements(StoredBytes(grouped.tensor(), 0, 2)),
              ElementsAre(2, 8));
  EXPECT_THAT(grouped.Elements(StoredBytes(grouped.tensor(), 1, 2)),
              ElementsAre(8, 2));
}

TEST_P(MappedTest, CopyHasItsRowsOneAfterTheOther) {
  const Mapped mapped(GetParam(), Counting(6), {3, 2},
                      {.row_step = 1, .column_step = 3});
  const std::vector<uint8_t> copy = CopyMatrix(mapped.tensor());
  BoundTensor plain = mapped.tensor();
  plain.map = {};
  plain.matrix.data = copy.data();
  plain.matrix.bytes = static_cast<int64_t>(copy.size());
  std::vector<float> values(6);
  ReadRows(plain, 0, 3, values.data());
  EXPECT_THAT(values, ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_EQ(CopyMatrix(plain), copy);
}

TEST_P(MappedTest, CheckFiniteNamesTheMatrixsOwnElement) {
  std::vector<float> stored = Counting(6);
  stored[4] = std::numeric_limits<float>::quiet_NaN();
  const Mapped mapped(GetParam(), stored, {3, 2},
                      {.row_step = 1, .column_step = 3});
  EXPECT_THAT(CheckFinite(mapped.tensor(), 0, 3),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("'w'"), HasSubstr("row 1, column 1"))));
  EXPECT_OK(CheckFinite(mapped.tensor(), 2, 3));
}

TEST_P(MappedTest, WhatLiesBetweenIsNotChecked) {
  std::vector<float> stored = Counting(12);
  stored[5] = std::numeric_limits<float>::infinity();
  const ElementMap map = {
      .first = 1, .group_rows = 1, .group_step = 3, .row_step = 2};
  const Mapped mapped(GetParam(), stored, {2, 2}, map);
  EXPECT_OK(CheckFinite(mapped.tensor(), 0, 2));
}

INSTANTIATE_TEST_SUITE_P(Codecs, MappedTest,
                         ::testing::Values(Codec::kF32, Codec::kF16,
                                           Codec::kBF16),
                         [](const ::testing::TestParamInfo<Codec>& test) {
                           return std::string(GetCodecInfo(test.param).name);
                         });

ModelSpec FusedSpec() {
  ModelSpec spec;
  spec.architecture = "phi3";
  spec.vocab = 4;
  spec.width = 4;
  spec.layers = 1;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.head_dim = 2;
  spec.ffn = 3;
  spec.max_context = 8;
  return spec;
}

FakeTensorSource FusedSource() {
  FakeTensorSource source;
  const std::string layer = "model.layers.0.";
  source.AddFloats("model.embed_tokens.weight", {4, 4}, Counting(16));
  source.AddFloats(layer + "input_layernorm.weight", {4}, Counting(4));
  source.AddFloats(layer + "self_attn.qkv_proj.weight", {8, 4}, Counting(32));
  source.AddFloats(layer + "self_attn.o_proj.weight", {4, 4}, Counting(16));
  source.AddFloats(layer + "post_attention_layernorm.weight", {4}, Counting(4));
  source.AddFloats(layer + "mlp.gate_up_proj.weight", {6, 4}, Counting(24));
  source.AddFloats(layer + "mlp.down_proj.weight", {4, 3}, Counting(12));
  source.AddFloats("model.norm.weight", {4}, Counting(4));
  source.AddFloats("lm_head.weight", {4, 4}, Counting(16));
  return source;
}

TEST(BindFusedTest, RowsThatFollowEachOtherNeedNoMap) {
  const FakeTensorSource source = FusedSource();
  ASSERT_OK_AND_ASSIGN(
      const BoundTensors bound,
      BindTensors(FusedSpec(), *FindArchitecture("phi3"), source));
  const BoundTensor& key = bound.tensors[3];
  EXPECT_EQ(key.slot.name, "model.layers.0.self_attn.k_proj.weight");
  EXPECT_TRUE(key.map.is_identity());
  EXPECT_EQ(key.matrix.bytes, 2 * 4 * 4);
  std::vector<float> values(8);
  ReadRows(key, 0, 2, values.data());
  EXPECT_THAT(values, ElementsAre(16, 17, 18, 19, 20, 21, 22, 23));
}

TEST(BindFusedTest, NamesTheStoredTensorOfAnotherShape) {
  FakeTensorSource source = FusedSource();
  source.Remove("model.layers.0.mlp.gate_up_proj.weight");
  source.AddFloats("model.layers.0.mlp.gate_up_proj.weight", {5, 4},
                   Counting(20));
  EXPECT_THAT(BindTensors(FusedSpec(), *FindArchitecture("phi3"), source),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("gate_up_proj.weight"),
                             HasSubstr("[5, 4]"), HasSubstr("[6, 4]"))));
}

TEST(BindFusedTest, NamesAMissingFusedTensor) {
  FakeTensorSource source = FusedSource();
  source.Remove("model.layers.0.self_attn.qkv_proj.weight");
  EXPECT_THAT(BindTensors(FusedSpec(), *FindArchitecture("phi3"), source),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("'model.layers.0.self_attn.qkv_proj.weight' "
                                 "or 'layers.0.self_attn.qkv_proj.weight' of "
                                 "shape [8, 4] is missing")));
}

}  // namespace
}  // namespace ounce
