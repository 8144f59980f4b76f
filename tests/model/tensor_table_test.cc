#include "model/tensor_table.h"

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

ModelSpec SmallSpec() {
  ModelSpec spec;
  spec.vocab = 10;
  spec.width = 4;
  spec.layers = 1;
  spec.heads = 3;
  spec.kv_heads = 1;
  spec.head_dim = 2;
  spec.ffn = 7;
  return spec;
}

std::vector<std::string> Rows(const ModelSpec& spec) {
  std::vector<std::string> rows;
  for (const TensorSlot& slot : TensorTable(spec)) {
    rows.push_back(slot.name + " " + ShapeString(slot.shape));
  }
  return rows;
}

TEST(TensorTableTest, ListsABlockInTheOrderOfComputation) {
  EXPECT_THAT(Rows(SmallSpec()),
              ElementsAre("model.embed_tokens.weight [10, 4]",
                          "model.layers.0.input_layernorm.weight [4]",
                          "model.layers.0.self_attn.q_proj.weight [6, 4]",
                          "model.layers.0.self_attn.k_proj.weight [2, 4]",
                          "model.layers.0.self_attn.v_proj.weight [2, 4]",
                          "model.layers.0.self_attn.o_proj.weight [4, 6]",
                          "model.layers.0.post_attention_layernorm.weight [4]",
                          "model.layers.0.mlp.gate_proj.weight [7, 4]",
                          "model.layers.0.mlp.up_proj.weight [7, 4]",
                          "model.layers.0.mlp.down_proj.weight [4, 7]",
                          "model.norm.weight [4]", "lm_head.weight [10, 4]"));
}

TEST(TensorTableTest, BiasesFollowTheirMatrices) {
  ModelSpec spec = SmallSpec();
  spec.qkv_bias = true;
  const std::vector<std::string> rows = Rows(spec);
  EXPECT_EQ(rows.size(), 12u + 3u);
  EXPECT_EQ(rows[3], "model.layers.0.self_attn.q_proj.bias [6]");
  EXPECT_EQ(rows[5], "model.layers.0.self_attn.k_proj.bias [2]");
  EXPECT_EQ(rows[7], "model.layers.0.self_attn.v_proj.bias [2]");
  spec.output_bias = true;
  EXPECT_THAT(Rows(spec), Contains("model.layers.0.self_attn.o_proj.bias [4]"));
  spec.ffn_bias = true;
  EXPECT_EQ(Rows(spec).size(), 12u + 7u);
  EXPECT_THAT(Rows(spec), Contains("model.layers.0.mlp.gate_proj.bias [7]"));
  EXPECT_THAT(Rows(spec), Contains("model.layers.0.mlp.up_proj.bias [7]"));
  EXPECT_THAT(Rows(spec), Contains("model.layers.0.mlp.down_proj.bias [4]"));
}

TEST(TensorTableTest, TiedHeadIsNoTensorOfItsOwn) {
  ModelSpec spec = SmallSpec();
  spec.tied_head = true;
  EXPECT_THAT(Rows(spec), Not(Contains("lm_head.weight [10, 4]")));
  EXPECT_EQ(Rows(spec).size(), 11u);
}

TEST(TensorTableTest, RolesTellMatricesFromVectorsAndTheEnds) {
  for (const TensorSlot& slot : TensorTable(SmallSpec())) {
    if (slot.name == kEmbeddingName) {
      EXPECT_EQ(slot.role, TensorRole::kEmbedding);
    } else if (slot.name == kHeadName) {
      EXPECT_EQ(slot.role, TensorRole::kHead);
    } else {
      EXPECT_EQ(slot.role, slot.shape.size() == 2 ? TensorRole::kMatrix
                                                  : TensorRole::kVector)
          << slot.name;
    }
  }
}

TEST(TensorTableTest, EveryLayerHasTheSameTensorsUnderItsNumber) {
  ModelSpec spec = SmallSpec();
  spec.layers = 12;
  const std::vector<std::string> rows = Rows(spec);
  EXPECT_EQ(rows.size(), 12u * 9u + 3u);
  EXPECT_THAT(rows, Contains("model.layers.11.mlp.down_proj.weight [4, 7]"));
  EXPECT_EQ(LayerTensorName(11, "mlp.down_proj.weight"),
            "model.layers.11.mlp.down_proj.weight");
}

// TinyLlama 1.1B: embedding and head 2 * 32000 * 2048 = 131,072,000; a block
// 2 * 2048 * 2048 (q, o) + 2 * 256 * 2048 (k, v) + 3 * 5632 * 2048 + 2 * 2048
// = 44,044,288; 22 blocks, and 2,048 for the last norm: 1,100,048,384, as
// published.
TEST(CountParametersTest, TinyLlamaHasItsPublishedNumber) {
  ModelSpec spec;
  spec.vocab = 32000;
  spec.width = 2048;
  spec.layers = 22;
  spec.heads = 32;
  spec.kv_heads = 4;
  spec.head_dim = 64;
  spec.ffn = 5632;
  EXPECT_EQ(CountParameters(TensorTable(spec)), 1'100'048'384);
  spec.tied_head = true;
  EXPECT_EQ(CountParameters(TensorTable(spec)), 1'100'048'384 - 32000 * 2048);
}

}  // namespace
}  // namespace ounce
