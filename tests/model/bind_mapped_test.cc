// Tensors of model/bind.h that are parts of stored ones.
#include <cstring>
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

// What a foreign container says of a tensor, on top of what the architecture
// does: a Llama's whole tensor, GPT-2's parts of a transposed one.
class BindForeignTest : public ::testing::Test {
 protected:
  static ModelSpec Llama() {
    ModelSpec spec = FusedSpec();
    spec.architecture = "llama";
    spec.head_dim = 4;
    spec.width = 32;
    spec.kv_heads = 2;
    spec.qkv_bias = true;
    return spec;
  }

  // Adds every tensor of `spec` under its canonical name, zeros.
  static void AddAll(const ModelSpec& spec, FakeTensorSource* source) {
    for (const TensorSlot& slot : TensorTable(spec)) {
      int64_t size = 1;
      for (const int64_t dimension : slot.shape) size *= dimension;
      source->AddFloats(slot.name, slot.shape,
                        std::vector<float>(static_cast<size_t>(size)));
    }
  }

  static const BoundTensor& Find(const BoundTensors& bound,
                                 const std::string& suffix) {
    for (const BoundTensor& tensor : bound.tensors) {
      if (tensor.slot.name == "model.layers.0." + suffix) return tensor;
    }
    ADD_FAILURE() << suffix;
    return bound.tensors.front();
  }
};

// Blocks of 32 columns: row r is all r + 1.
std::vector<uint8_t> Q8Rows(int64_t rows) {
  std::vector<uint8_t> bytes;
  for (int64_t r = 0; r < rows; ++r) {
    bytes.insert(bytes.end(), {0x00, 0x3C});  // 1 in f16.
    bytes.insert(bytes.end(), 32, static_cast<uint8_t>(r + 1));
  }
  return bytes;
}

TEST_F(BindForeignTest, InterleavedRowsOfBlocksAreGatheredWhole) {
  FakeTensorSource source;
  const ModelSpec spec = Llama();
  AddAll(spec, &source);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  source.Remove(name);
  source.Add(name, {8, 32}, Codec::kQ8_0, 0, Q8Rows(8));
  source.Mutable(name)->pair_rows = 4;
  source.Mutable("model.layers.0.self_attn.q_proj.bias")->pair_rows = 4;
  std::memcpy(source.MutableBytes("model.layers.0.self_attn.q_proj.bias"),
              Counting(8).data(), 8 * sizeof(float));
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                       BindTensors(spec, *FindArchitecture("llama"), source));
  const BoundTensor& query = Find(bound, "self_attn.q_proj.weight");
  std::vector<float> values(8 * 32);
  ReadRows(query, 0, 8, values.data());
  const float order[] = {1, 3, 2, 4, 5, 7, 6, 8};
  for (size_t r = 0; r < 8; ++r) {
    EXPECT_EQ(values[r * 32], order[r]);
    EXPECT_EQ(values[r * 32 + 31], order[r]);
  }
  EXPECT_EQ(query.matrix.bytes, 8 * 34);
  EXPECT_EQ(CopyMatrix(query).size(), 8u * 34);
  // Rows 1 and 2 of the view are rows 2 and 1 of the file.
  EXPECT_EQ(StoredBytes(query, 1, 3).data(), query.matrix.data + 34);
  EXPECT_EQ(StoredBytes(query, 1, 3).size(), 2u * 34);
  std::vector<float> bias(8);
  ReadRows(Find(bound, "self_attn.q_proj.bias"), 0, 1, bias.data());
  EXPECT_THAT(bias, ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
}

TEST_F(BindForeignTest, InfiniteScalesOfBlocksAreFound) {
  FakeTensorSource source;
  const ModelSpec spec = Llama();
  AddAll(spec, &source);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  source.Remove(name);
  source.Add(name, {8, 32}, Codec::kQ8_0, 0, Q8Rows(8));
  source.MutableBytes(name)[2 * 34 + 1] = 0x7C;  // Infinity in stored row 2.
  for (const int64_t pair_rows : {0, 4}) {
    source.Mutable(name)->pair_rows = pair_rows;
    ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                         BindTensors(spec, *FindArchitecture("llama"), source));
    const BoundTensor& query = Find(bound, "self_attn.q_proj.weight");
    // Which is row 1 of the view of pairs.
    EXPECT_THAT(CheckFinite(query, 0, 8),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(pair_rows == 0 ? "row 2, column 0"
                                                  : "row 1, column 0")));
    EXPECT_OK(CheckFinite(query, 3, 8));
  }
}

ModelSpec Gpt2Spec() {
  ModelSpec spec;
  spec.architecture = "gpt2";
  spec.vocab = 4;
  spec.width = 32;
  spec.layers = 1;
  spec.heads = spec.kv_heads = 2;
  spec.head_dim = 16;
  spec.ffn = 64;
  spec.max_context = 8;
  spec.qkv_bias = spec.output_bias = spec.ffn_bias = spec.norm_bias = true;
  spec.norm = NormKind::kLayer;
  spec.gated_ffn = false;
  spec.tied_head = true;
  spec.position = PositionKind::kLearned;
  return spec;
}

// The view of c_attn is [32, 96], query, key and value side by side; stored
// the other way round, each is rows that follow each other.
TEST_F(BindForeignTest, TransposedTwiceIsAsStored) {
  const ModelSpec spec = Gpt2Spec();
  FakeTensorSource source;
  AddAll(spec, &source);
  const std::string layer = "transformer.h.0.";
  source.AddFloats("transformer.wte.weight", {4, 32}, Counting(128));
  source.AddFloats("transformer.wpe.weight", {8, 32}, Counting(256));
  for (const char* norm : {"h.0.ln_1", "h.0.ln_2", "ln_f"}) {
    for (const char* part : {".weight", ".bias"}) {
      source.AddFloats(std::string("transformer.") + norm + part, {32},
                       Counting(32));
    }
  }
  source.Add(layer + "attn.c_attn.weight", {32, 96}, Codec::kQ8_0, 0,
             Q8Rows(96));
  source.AddFloats(layer + "attn.c_attn.bias", {96}, Counting(96));
  source.AddFloats(layer + "attn.c_proj.weight", {32, 32}, Counting(1024));
  source.AddFloats(layer + "attn.c_proj.bias", {32}, Counting(32));
  source.AddFloats(layer + "mlp.c_fc.weight", {32, 64}, Counting(2048));
  source.AddFloats(layer + "mlp.c_fc.bias", {64}, Counting(64));
  source.AddFloats(layer + "mlp.c_proj.weight", {64, 32}, Counting(2048));
  source.AddFloats(layer + "mlp.c_proj.bias", {32}, Counting(32));
  const auto bind = [&] {
    return BindTensors(spec, *FindArchitecture("gpt2"), source);
  };
  // Blocks that would have to be taken apart.
  EXPECT_THAT(bind(), StatusIs(absl::StatusCode::kUnimplemented,
                               HasSubstr("c_attn.weight")));
  source.Mutable(layer + "attn.c_attn.weight")->transposed = true;
  source.Mutable(layer + "mlp.c_fc.weight")->transposed = true;
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound, bind());
  const BoundTensor& key = Find(bound, "self_attn.k_proj.weight");
  EXPECT_TRUE(key.map.is_identity());
  std::vector<float> values(32 * 32);
  ReadRows(key, 0, 32, values.data());
  EXPECT_EQ(values[0], 33.0f);  // Row 32 of the file.
  EXPECT_EQ(values[31 * 32 + 31], 64.0f);
  // [64, 32] of numbers, as stored.
  std::vector<float> up(64 * 32);
  ReadRows(Find(bound, "mlp.up_proj.weight"), 0, 64, up.data());
  EXPECT_THAT(up, ::testing::ElementsAreArray(Counting(2048)));
}

// The other way: a plain matrix that the file holds transposed.
TEST_F(BindForeignTest, TransposedOnceIsTurned) {
  FakeTensorSource source;
  ModelSpec spec = Llama();
  AddAll(spec, &source);
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  source.Remove(name);
  source.AddFloats(name, {3, 32}, Counting(96));
  source.Mutable(name)->transposed = true;
  ASSERT_OK_AND_ASSIGN(const BoundTensors bound,
                       BindTensors(spec, *FindArchitecture("llama"), source));
  std::vector<float> values(32);
  ReadRows(Find(bound, "mlp.up_proj.weight"), 1, 2, values.data());
  // Element (1, c) is stored at (c, 1) of [32, 3].
  for (size_t c = 0; c < 32; ++c) {
    EXPECT_EQ(values[c], static_cast<float>(c * 3 + 1));
  }
}

}  // namespace
}  // namespace ounce
