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

TEST(TensorTableTest, FeedForwardWithoutAGateHasTwoMatrices) {
  ModelSpec spec = SmallSpec();
  spec.gated_ffn = false;
  spec.ffn_bias = true;
  const std::vector<std::string> rows = Rows(spec);
  EXPECT_EQ(rows.size(), 11u + 2u);
  EXPECT_THAT(rows,
              Not(Contains("model.layers.0.mlp.gate_proj.weight [7, 4]")));
  EXPECT_THAT(rows, Contains("model.layers.0.mlp.up_proj.bias [7]"));
}

TEST(TensorTableTest, LayerNormsHaveBiases) {
  ModelSpec spec = SmallSpec();
  spec.norm = NormKind::kLayer;
  EXPECT_EQ(Rows(spec).size(), 12u);
  spec.norm_bias = true;
  EXPECT_EQ(Rows(spec).size(), 12u + 3u);
  EXPECT_THAT(Rows(spec), Contains("model.layers.0.input_layernorm.bias [4]"));
  EXPECT_THAT(Rows(spec), Contains("model.norm.bias [4]"));
}

// The norms' names by placement; all are vectors of the width.
TEST(TensorTableTest, NormsFollowTheirPlacement) {
  const auto norms = [](NormPlacement placement) {
    ModelSpec spec = SmallSpec();
    spec.norm_placement = placement;
    std::vector<std::string> names;
    for (const TensorSlot& slot : TensorTable(spec)) {
      if (slot.shape.size() == 1) names.push_back(slot.name);
    }
    return names;
  };
  const std::string layer = "model.layers.0.";
  EXPECT_THAT(norms(NormPlacement::kInput),
              ElementsAre(layer + "input_layernorm.weight",
                          layer + "post_attention_layernorm.weight",
                          "model.norm.weight"));
  EXPECT_EQ(norms(NormPlacement::kSum), norms(NormPlacement::kInput));
  EXPECT_THAT(
      norms(NormPlacement::kOutput),
      ElementsAre(layer + "self_attn.output_norm.weight",
                  layer + "mlp.output_norm.weight", "model.norm.weight"));
  EXPECT_THAT(
      norms(NormPlacement::kInputAndOutput),
      ElementsAre(layer + "input_layernorm.weight",
                  layer + "self_attn.output_norm.weight",
                  layer + "post_attention_layernorm.weight",
                  layer + "mlp.output_norm.weight", "model.norm.weight"));
}

TEST(TensorTableTest, ParallelSubLayersHaveTwoNormsOrOne) {
  ModelSpec spec = SmallSpec();
  spec.residual = ResidualOrder::kParallel;
  EXPECT_EQ(Rows(spec).size(), 12u);
  spec.residual = ResidualOrder::kParallelShared;
  EXPECT_EQ(Rows(spec).size(), 11u);
  EXPECT_THAT(
      Rows(spec),
      Not(Contains("model.layers.0.post_attention_layernorm.weight [4]")));
  spec.final_norm = false;
  EXPECT_THAT(Rows(spec), Not(Contains("model.norm.weight [4]")));
}

TEST(TensorTableTest, QueryAndKeyNormsAreOfOneHeadOrOfAll) {
  ModelSpec spec = SmallSpec();
  spec.qk_norm = QkNorm::kHead;
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.0.self_attn.q_norm.weight [2]"));
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.0.self_attn.k_norm.weight [2]"));
  spec.qk_norm = QkNorm::kWhole;
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.0.self_attn.q_norm.weight [6]"));
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.0.self_attn.k_norm.weight [2]"));
}

TEST(TensorTableTest, LearnedPositionsHaveRowsBeforeTheFirst) {
  ModelSpec spec = SmallSpec();
  spec.position = PositionKind::kLearned;
  spec.max_context = 9;
  spec.position_offset = 2;
  EXPECT_EQ(Rows(spec)[1], "model.embed_positions.weight [11, 4]");
  EXPECT_EQ(TensorTable(spec)[1].role, TensorRole::kPositions);
  EXPECT_FALSE(IsCompressible(TensorRole::kPositions));
}

TEST(TensorTableTest, NarrowEmbeddingsAreProjectedInAndOut) {
  ModelSpec spec = SmallSpec();
  spec.embedding_width = 2;
  spec.embedding_norm = true;
  spec.head_bias = true;
  const std::vector<std::string> rows = Rows(spec);
  EXPECT_EQ(rows[0], "model.embed_tokens.weight [10, 2]");
  EXPECT_EQ(rows[1], "model.project_in.weight [4, 2]");
  EXPECT_EQ(rows[2], "model.embed_norm.weight [4]");
  EXPECT_EQ(rows[rows.size() - 3], "model.project_out.weight [2, 4]");
  EXPECT_EQ(rows[rows.size() - 2], "lm_head.weight [10, 2]");
  EXPECT_EQ(rows.back(), "lm_head.bias [10]");
}

TEST(TensorTableTest, RoutedLayersHaveARouterAndExperts) {
  ModelSpec spec = SmallSpec();
  spec.layers = 2;
  spec.layer_kinds.resize(2);
  spec.layer_kinds[0].routed = false;
  spec.experts = {.experts = 2, .per_token = 1, .ffn = 3, .shared_ffn = 5};
  const std::vector<std::string> rows = Rows(spec);
  EXPECT_THAT(rows, Contains("model.layers.0.mlp.up_proj.weight [7, 4]"));
  const std::vector<std::string> routed(rows.end() - 13, rows.end() - 2);
  EXPECT_THAT(
      routed,
      ElementsAre("model.layers.1.mlp.router.weight [2, 4]",
                  "model.layers.1.mlp.experts.0.gate_proj.weight [3, 4]",
                  "model.layers.1.mlp.experts.0.up_proj.weight [3, 4]",
                  "model.layers.1.mlp.experts.0.down_proj.weight [4, 3]",
                  "model.layers.1.mlp.experts.1.gate_proj.weight [3, 4]",
                  "model.layers.1.mlp.experts.1.up_proj.weight [3, 4]",
                  "model.layers.1.mlp.experts.1.down_proj.weight [4, 3]",
                  "model.layers.1.mlp.shared_expert.gate_proj.weight [5, 4]",
                  "model.layers.1.mlp.shared_expert.up_proj.weight [5, 4]",
                  "model.layers.1.mlp.shared_expert.down_proj.weight [4, 5]",
                  "model.layers.1.mlp.shared_expert_gate.weight [1, 4]"));
  EXPECT_EQ(ExpertName(3, "up_proj"), "mlp.experts.3.up_proj");
  EXPECT_FALSE(IsCompressible(TensorRole::kRouter));
}

// GPT-2 small: 50257 * 768 + 1024 * 768 + 12 * (768 * 2304 + 2304 + 768 * 768 +
// 768 + 2 * 768 * 3072 + 3072 + 768 + 4 * 768) + 2 * 768 = 124,439,808, as
// published.
TEST(CountParametersTest, Gpt2HasItsPublishedNumber) {
  ModelSpec spec;
  spec.vocab = 50257;
  spec.width = 768;
  spec.layers = 12;
  spec.heads = spec.kv_heads = 12;
  spec.head_dim = 64;
  spec.ffn = 3072;
  spec.max_context = 1024;
  spec.norm = NormKind::kLayer;
  spec.norm_bias = spec.qkv_bias = spec.output_bias = spec.ffn_bias = true;
  spec.gated_ffn = false;
  spec.position = PositionKind::kLearned;
  spec.tied_head = true;
  EXPECT_EQ(CountParameters(TensorTable(spec)), 124'439'808);
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

TEST(LayerOfTest, IsTheNumberOfALayerOfTheMainStack) {
  EXPECT_EQ(LayerOf("model.layers.0.self_attn.q_proj.weight"), 0);
  EXPECT_EQ(LayerOf("model.layers.103.mlp.experts.7.up_proj.weight"), 103);
  for (const char* other :
       {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight",
        "encoder.layers.3.mlp.up_proj.weight", "model.layers.",
        "model.layers.x.weight", "model.layers", ""}) {
    EXPECT_EQ(LayerOf(other), std::nullopt) << other;
  }
}

TEST(LayerOfTest, UndoesLayerTensorName) {
  for (const int64_t layer : {0, 1, 9, 10, 999}) {
    EXPECT_EQ(LayerOf(LayerTensorName(layer, "mlp.down_proj.weight")), layer);
  }
}

}  // namespace
}  // namespace ounce
