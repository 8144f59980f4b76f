#include "runtime/weights.h"

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
  EXPECT_EQ(weights.head.data, stored("lm_head.weight"));
  const LayerWeights& layer = weights.layers[1];
  const std::string prefix = "model.layers.1.";
  EXPECT_EQ(layer.query.weight.data,
            stored(prefix + "self_attn.q_proj.weight"));
  EXPECT_EQ(layer.key.weight.data, stored(prefix + "self_attn.k_proj.weight"));
  EXPECT_EQ(layer.value.weight.data,
            stored(prefix + "self_attn.v_proj.weight"));
  EXPECT_EQ(layer.output.weight.data,
            stored(prefix + "self_attn.o_proj.weight"));
  EXPECT_EQ(layer.gate.weight.data, stored(prefix + "mlp.gate_proj.weight"));
  EXPECT_EQ(layer.up.weight.data, stored(prefix + "mlp.up_proj.weight"));
  EXPECT_EQ(layer.down.weight.data, stored(prefix + "mlp.down_proj.weight"));
  EXPECT_THAT(layer.query.bias, IsEmpty());
  EXPECT_EQ(layer.query.bias_or_null(), nullptr);
}

TEST(ArrangeWeightsTest, TiedHeadIsTheEmbedding) {
  ModelSpec spec = TinySpec();
  spec.tied_head = true;
  const TinyModel model(spec);
  EXPECT_EQ(model.weights().head.data, model.weights().embedding.data);
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
  EXPECT_THAT(weights.layers[0].attention_norm, ElementsAre(1.5f, 0.0f));
  EXPECT_EQ(weights.layers[0].query.bias[0], 2.0f);
  EXPECT_EQ(weights.layers[0].query.bias_or_null(),
            weights.layers[0].query.bias.data());
  EXPECT_EQ(weights.layers[0].query.bias.size(), 32u);
  EXPECT_EQ(weights.layers[0].key.bias[0], 2.5f);
  EXPECT_EQ(weights.layers[0].value.bias[0], 3.0f);
  EXPECT_THAT(weights.layers[0].output.bias, IsEmpty());
  EXPECT_THAT(weights.layers[0].ffn_norm, ElementsAre(3.5f, 0.0f));
  EXPECT_THAT(weights.final_norm, ElementsAre(4.0f, 0.0f));
}

}  // namespace
}  // namespace ounce
