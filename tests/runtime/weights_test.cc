#include "runtime/weights.h"

#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tensor_table.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ArrangeWeightsTest, MatricesStayWhereTheyAreStored) {
  TinyModel model(TinySpec());
  const ModelWeights& weights = model.weights();
  const auto stored = [&](const std::string& name) {
    return model.source().Find(name)->bytes.data();
  };
  ASSERT_EQ(weights.layers.size(), 2u);
  EXPECT_EQ(weights.embedding.data, stored("model.embed_tokens.weight"));
  EXPECT_EQ(weights.head.weight.data, stored("lm_head.weight"));
  const LayerWeights& layer = weights.layers[1];
  const std::string prefix = "model.layers.1.";
  EXPECT_EQ(layer.query.weight.data,
            stored(prefix + "self_attn.q_proj.weight"));
  EXPECT_EQ(layer.key.weight.data, stored(prefix + "self_attn.k_proj.weight"));
  EXPECT_EQ(layer.value.weight.data,
            stored(prefix + "self_attn.v_proj.weight"));
  EXPECT_EQ(layer.output.weight.data,
            stored(prefix + "self_attn.o_proj.weight"));
  EXPECT_EQ(layer.ffn.gate.weight.data,
            stored(prefix + "mlp.gate_proj.weight"));
  EXPECT_EQ(layer.ffn.up.weight.data, stored(prefix + "mlp.up_proj.weight"));
  EXPECT_EQ(layer.ffn.down.weight.data,
            stored(prefix + "mlp.down_proj.weight"));
  EXPECT_THAT(layer.query.bias, IsEmpty());
  EXPECT_EQ(layer.query.bias_or_null(), nullptr);
}

TEST(ArrangeWeightsTest, TiedHeadIsTheEmbedding) {
  ModelSpec spec = TinySpec();
  spec.tied_head = true;
  const TinyModel model(spec);
  EXPECT_EQ(model.weights().head.weight.data, model.weights().embedding.data);
}

TEST(ArrangeWeightsTest, VectorsAreWidened) {
  ModelSpec spec = TinySpec();
  spec.width = 2;
  spec.layers = 1;
  spec.qkv_bias = true;
  FakeTensorSource source;
  float next = 1.0f;
  for (const TensorSlot& slot : TensorTable(spec)) {
    std::vector<float> values(static_cast<size_t>(CountParameters({slot})));
    // Multiples of 0.5: exact in bf16.
    if (slot.role == TensorRole::kVector) values[0] = next += 0.5f;
    source.AddFloats(slot.name, slot.shape, values, Codec::kBF16);
  }
  const ModelWeights weights =
      ArrangeWeights(spec, *BindTensors(spec, nullptr, source));
  // In the order of TensorTable(): norm, q, k, v biases, norm, last norm.
  EXPECT_THAT(weights.layers[0].attention_norm.weight, ElementsAre(1.5f, 0.0f));
  EXPECT_EQ(weights.layers[0].query.bias[0], 2.0f);
  EXPECT_EQ(weights.layers[0].query.bias_or_null(),
            weights.layers[0].query.bias.data());
  EXPECT_EQ(weights.layers[0].query.bias.size(), 32u);
  EXPECT_EQ(weights.layers[0].key.bias[0], 2.5f);
  EXPECT_EQ(weights.layers[0].value.bias[0], 3.0f);
  EXPECT_THAT(weights.layers[0].output.bias, IsEmpty());
  EXPECT_THAT(weights.layers[0].ffn_norm.weight, ElementsAre(3.5f, 0.0f));
  EXPECT_THAT(weights.final_norm.weight, ElementsAre(4.0f, 0.0f));
}

TEST(ArrangeWeightsTest, NormOffsetIsPartOfTheWeightsAndNotOfBiases) {
  ModelSpec spec = TinySpec();
  spec.norm = NormKind::kLayer;
  spec.norm_bias = true;
  spec.norm_offset = 1.0;
  FakeTensorSource source;
  for (const TensorSlot& slot : TensorTable(spec)) {
    source.AddFloats(slot.name, slot.shape,
                     std::vector<float>(
                         static_cast<size_t>(CountParameters({slot})), 0.25f));
  }
  const ModelWeights weights =
      ArrangeWeights(spec, *BindTensors(spec, nullptr, source));
  EXPECT_EQ(weights.final_norm.weight[0], 1.25f);
  EXPECT_EQ(weights.final_norm.bias[0], 0.25f);
  EXPECT_EQ(weights.layers[1].ffn_norm.weight[5], 1.25f);
}

TEST(ArrangeWeightsTest, PiecesAreCopiedOnceAndRowsAreAdjacentThen) {
  // A Gpt-2 layer's fused projection, transposed: [in 2, query key value 2
  // each].
  ModelSpec spec = TinySpec();
  spec.width = 2;
  spec.heads = spec.kv_heads = 1;
  spec.head_dim = 2;
  const std::vector<float> stored = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  TinyModel model(spec);
  BoundTensors bound = *BindTensors(spec, nullptr, model.source());
  for (BoundTensor& tensor : bound.tensors) {
    if (tensor.slot.name != "model.layers.0.self_attn.k_proj.weight") continue;
    tensor.matrix.data = reinterpret_cast<const uint8_t*>(stored.data());
    tensor.map = {.first = 2, .row_step = 1, .column_step = 6};
  }
  const ModelWeights weights = ArrangeWeights(spec, bound);
  EXPECT_EQ(weights.copies.size(), 1u);
  float rows[4];
  std::memcpy(rows, weights.layers[0].key.weight.data, sizeof(rows));
  EXPECT_THAT(rows, ElementsAre(3, 9, 4, 10));
}

// Of a layer's own tensors: those of the others are not there.
TEST(ArrangeLayerTest, EqualsTheLayerOfTheWholeModel) {
  ModelSpec spec = TinySpec();
  spec.qkv_bias = true;
  spec.norm_offset = 1.0;
  const TinyModel model(spec);
  BoundTensors of_layer;
  for (const BoundTensor& tensor : model.bound().tensors) {
    if (LayerOf(tensor.slot.name) == 1) of_layer.tensors.push_back(tensor);
  }
  const LayerWeights layer = ArrangeLayer(spec, 1, of_layer);
  const LayerWeights& expected = model.weights().layers[1];
  const auto matrices = MatricesOf(layer);
  const auto expected_matrices = MatricesOf(expected);
  ASSERT_EQ(matrices.size(), 7u);
  for (size_t i = 0; i < matrices.size(); ++i) {
    EXPECT_EQ(matrices[i]->data, expected_matrices[i]->data);
    EXPECT_EQ(matrices[i]->rows, expected_matrices[i]->rows);
    EXPECT_EQ(matrices[i]->cols, expected_matrices[i]->cols);
  }
  EXPECT_EQ(layer.key.bias, expected.key.bias);
  EXPECT_EQ(layer.key.bias.size(), 16u);
  EXPECT_EQ(layer.attention_norm.weight, expected.attention_norm.weight);
  EXPECT_EQ(layer.ffn_norm.weight, expected.ffn_norm.weight);
}

}  // namespace
}  // namespace ounce
