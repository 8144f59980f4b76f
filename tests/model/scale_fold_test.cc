// That scales keep what a model computes is shown in
// tests/e2e/scale_fold_test.cc.
#include "model/scale_fold.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/family_config.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "name -> reader reader", names without what all have in common.
std::vector<std::string> Summary(const std::vector<ScaleFold>& folds) {
  const auto brief = [](std::string name) {
    for (const char* part : {"model.layers.0.", ".weight", "_proj"}) {
      const size_t at = name.find(part);
      if (at != std::string::npos) name.erase(at, std::string(part).size());
    }
    return name;
  };
  std::vector<std::string> lines;
  for (const ScaleFold& fold : folds) {
    std::string line = brief(fold.name) + " ->";
    for (const ScaleConsumer& consumer : fold.consumers) {
      line += " " + brief(consumer.tensor);
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(ScaleFoldsOfTest, LlamaHasBothNormsTheValuesAndTheGatedUnits) {
  EXPECT_THAT(
      Summary(ScaleFoldsOf(TinySpec(), 0)),
      ElementsAre("input_layernorm -> self_attn.q self_attn.k self_attn.v",
                  "post_attention_layernorm -> mlp.gate mlp.up",
                  "self_attn.v -> self_attn.o", "mlp.up -> mlp.down"));
  EXPECT_THAT(ScaleFoldsOf(TinySpec(), 1)[0].producers[0].tensor,
              "model.layers.1.input_layernorm.weight");
}

TEST(ScaleFoldsOfTest, OneNormOfParallelSubLayersFeedsBoth) {
  ModelSpec spec = TinySpec();
  spec.residual = ResidualOrder::kParallelShared;
  spec.gated_ffn = false;
  spec.activation = ActivationKind::kGelu;
  EXPECT_THAT(
      Summary(ScaleFoldsOf(spec, 0)),
      ElementsAre("input_layernorm -> self_attn.q self_attn.k self_attn.v "
                  "mlp.up",
                  "self_attn.v -> self_attn.o"));
  spec.residual = ResidualOrder::kParallel;
  EXPECT_EQ(Summary(ScaleFoldsOf(spec, 0))[1],
            "post_attention_layernorm -> mlp.up");
}

TEST(ScaleFoldsOfTest, ExpertsShareANormWithTheirRouterAndHaveUnitsOfTheirOwn) {
  ModelSpec spec = TinySpec();
  spec.experts = {.experts = 2, .per_token = 1, .ffn = 16, .shared_ffn = 12};
  const std::vector<ScaleFold> folds = ScaleFoldsOf(spec, 0);
  EXPECT_THAT(
      Summary(folds),
      ElementsAre("input_layernorm -> self_attn.q self_attn.k self_attn.v",
                  "post_attention_layernorm -> mlp.router "
                  "mlp.experts.0.gate mlp.experts.0.up "
                  "mlp.experts.1.gate mlp.experts.1.up "
                  "mlp.shared_expert.gate mlp.shared_expert.up "
                  "mlp.shared_expert_gate",
                  "self_attn.v -> self_attn.o",
                  "mlp.experts.0.up -> mlp.experts.0.down",
                  "mlp.experts.1.up -> mlp.experts.1.down",
                  "mlp.shared_expert.up -> mlp.shared_expert.down"));
  EXPECT_EQ(folds[1].consumers.front().role, TensorRole::kRouter);
  EXPECT_EQ(folds[1].consumers.back().role, TensorRole::kRouter);
  EXPECT_EQ(folds[3].channels, 16);
  EXPECT_EQ(folds[5].channels, 12);
}

TEST(ScaleFoldsOfTest, NormsThatTheResidualSeesStayAsTheyAre) {
  ModelSpec spec = TinySpec();
  for (const NormPlacement placement :
       {NormPlacement::kSum, NormPlacement::kOutput}) {
    spec.norm_placement = placement;
    EXPECT_THAT(
        Summary(ScaleFoldsOf(spec, 0)),
        ElementsAre("self_attn.v -> self_attn.o", "mlp.up -> mlp.down"));
  }
  spec.norm_placement = NormPlacement::kInputAndOutput;
  EXPECT_EQ(ScaleFoldsOf(spec, 0).size(), 4);
  spec.norm_placement = NormPlacement::kInput;
  spec.residual_from_norm = true;
  EXPECT_EQ(ScaleFoldsOf(spec, 0).size(), 2);
}

TEST(ScaleFoldsOfTest, ALayerWithoutItsFirstNormHasNoneToScale) {
  ModelSpec spec = TinySpec();
  spec.first_norm = false;
  EXPECT_EQ(ScaleFoldsOf(spec, 0)[0].name,
            "model.layers.0.post_attention_layernorm");
  EXPECT_EQ(ScaleFoldsOf(spec, 1)[0].name, "model.layers.1.input_layernorm");
}

TEST(ScaleFoldsOfTest, OnlyReluTakesAFactorThroughWithoutAGate) {
  ModelSpec spec = TinySpec();
  spec.gated_ffn = false;
  for (const auto activation :
       {ActivationKind::kSilu, ActivationKind::kGelu, ActivationKind::kGeluTanh,
        ActivationKind::kTanh, ActivationKind::kQuickGelu}) {
    spec.activation = activation;
    EXPECT_EQ(ScaleFoldsOf(spec, 0).size(), 3);
  }
  spec.activation = ActivationKind::kRelu;
  EXPECT_EQ(Summary(ScaleFoldsOf(spec, 0))[3], "mlp.up -> mlp.down");
  EXPECT_FALSE(ScaleFoldsOf(spec, 0)[3].squared);
  spec.activation = ActivationKind::kReluSquared;
  EXPECT_TRUE(ScaleFoldsOf(spec, 0)[3].squared);
  spec.gated_ffn = true;  // Of the gate alone.
  EXPECT_FALSE(ScaleFoldsOf(spec, 0)[3].squared);
}

TEST(ScaleFoldsOfTest, ProducersAreTheTensorsThatThereAre) {
  ModelSpec spec = TinySpec();
  spec.norm = NormKind::kLayer;
  spec.norm_bias = spec.qkv_bias = spec.ffn_bias = true;
  spec.norm_offset = 1.0;
  const std::vector<ScaleFold> folds = ScaleFoldsOf(spec, 0);
  for (const ScaleFold& fold : folds) {
    ASSERT_EQ(fold.producers.size(), 2) << fold.name;
    EXPECT_EQ(fold.producers[0].tensor, fold.name + ".weight");
    EXPECT_EQ(fold.producers[1].tensor, fold.name + ".bias");
    const bool is_norm = fold.kind == ScaleFoldKind::kNorm;
    EXPECT_EQ(fold.producers[0].offset, is_norm ? 1.0 : 0.0);
    EXPECT_EQ(fold.producers[1].offset, 0.0);
    EXPECT_EQ(fold.producers[0].role,
              is_norm ? TensorRole::kVector : TensorRole::kMatrix);
  }
}

TEST(ScaleFoldsOfTest, HeadsOfAGroupReadTheChannelsOfTheirValues) {
  const ScaleFold value = ScaleFoldsOf(TinySpec(), 0)[2];
  EXPECT_EQ(value.channels, 16);
  EXPECT_EQ(value.columns(), 32);
  // Heads 0 and 1 read the first 8 channels, heads 2 and 3 the second.
  EXPECT_EQ(value.ChannelOf(7), 7);
  EXPECT_EQ(value.ChannelOf(8), 0);
  EXPECT_EQ(value.ChannelOf(15), 7);
  EXPECT_EQ(value.ChannelOf(16), 8);
  EXPECT_EQ(value.ChannelOf(25), 9);
  EXPECT_EQ(value.ChannelOf(31), 15);
  const ScaleFold hidden = ScaleFoldsOf(TinySpec(), 0)[3];
  for (int64_t c = 0; c < 40; ++c) EXPECT_EQ(hidden.ChannelOf(c), c);
}

TEST(HeadScaleFoldOfTest, NeedsAHeadThatIsNotTheEmbedding) {
  ModelSpec spec = TinySpec();
  EXPECT_EQ(HeadScaleFoldOf(spec)->consumers[0].tensor, "lm_head.weight");
  EXPECT_EQ(HeadScaleFoldOf(spec)->producers[0].tensor, "model.norm.weight");
  spec.tied_head = true;
  EXPECT_EQ(HeadScaleFoldOf(spec), std::nullopt);
  spec.embedding_width = 12;  // A projection comes first.
  EXPECT_EQ(HeadScaleFoldOf(spec)->consumers[0].tensor,
            "model.project_out.weight");
  spec.transform.present = true;
  EXPECT_EQ(HeadScaleFoldOf(spec)->consumers[0].tensor,
            "lm_head_transform.weight");
  spec.final_norm = false;
  EXPECT_EQ(HeadScaleFoldOf(spec), std::nullopt);
}

TEST(HeadScaleFoldOfTest, AnEncodersStatesAreWhatItGives) {
  ModelSpec spec = TinySpec();
  spec.causal = false;
  spec.transform.present = true;
  EXPECT_EQ(HeadScaleFoldOf(spec), std::nullopt);
}

// Names, roles and sizes agree with the table that says what a model has.
TEST(AllScaleFoldsTest, AgreeWithTheTensorTable) {
  for (const char* family :
       {"llama", "gemma2", "gpt2", "opt", "falcon", "bloom", "mixtral",
        "qwen2_moe", "bert", "modernbert", "t5", "marian", "phi"}) {
    SCOPED_TRACE(family);
    const ModelSpec spec = *FamilySpec(family);
    std::map<std::string, TensorSlot> slots;
    for (const TensorSlot& slot : TensorTable(spec)) slots[slot.name] = slot;
    const std::vector<ScaleFold> folds = AllScaleFolds(spec);
    EXPECT_FALSE(folds.empty());
    for (const ScaleFold& fold : folds) {
      for (const ScaleProducer& producer : fold.producers) {
        ASSERT_TRUE(slots.contains(producer.tensor)) << producer.tensor;
        EXPECT_EQ(slots[producer.tensor].role, producer.role);
        EXPECT_EQ(slots[producer.tensor].shape[0], fold.channels);
      }
      EXPECT_EQ(slots.contains(fold.name + ".bias"),
                fold.producers.size() == 2);
      for (const ScaleConsumer& consumer : fold.consumers) {
        ASSERT_TRUE(slots.contains(consumer.tensor)) << consumer.tensor;
        EXPECT_EQ(slots[consumer.tensor].role, consumer.role);
        EXPECT_EQ(slots[consumer.tensor].shape[1], fold.columns());
      }
    }
  }
}

TEST(AllScaleFoldsTest, AnEncoderDecoderHasThoseOfBoth) {
  const ModelSpec spec = *FamilySpec("t5", "\"num_layers\": 1");
  const std::vector<ScaleFold> folds = AllScaleFolds(spec);
  EXPECT_EQ(folds[0].name, "encoder.layers.0.input_layernorm");
  int cross = 0;
  for (const ScaleFold& fold : folds) {
    if (fold.name == "model.layers.0.cross_attention_layernorm") {
      ++cross;
      EXPECT_EQ(fold.consumers.size(), 1);
      EXPECT_EQ(fold.consumers[0].tensor,
                "model.layers.0.cross_attn.q_proj.weight");
    }
    if (fold.name == "model.layers.0.cross_attn.v_proj") ++cross;
  }
  EXPECT_EQ(cross, 2);
}

TEST(ScaleFoldArithmeticTest, IsWorkedByHand) {
  std::vector<float> vector = {1.0f, -3.0f};
  DivideVector({2.0f, 0.5f}, 0.0, absl::MakeSpan(vector));
  EXPECT_THAT(vector, ElementsAre(0.5f, -6.0f));
  // (1 + 1) / 2 - 1 = 0; (-3 + 1) / 0.5 - 1 = -5.
  vector = {1.0f, -3.0f};
  DivideVector({2.0f, 0.5f}, 1.0, absl::MakeSpan(vector));
  EXPECT_THAT(vector, ElementsAre(0.0f, -5.0f));
  Matrix matrix(2, 3, {1, 2, 3, 4, 5, 6});
  DivideRows({2.0f, 0.5f}, matrix.view());
  EXPECT_THAT(matrix.values(), ElementsAre(0.5f, 1, 1.5f, 8, 10, 12));
  MultiplyColumns({1.0f, 2.0f, 3.0f}, matrix.view());
  EXPECT_THAT(matrix.values(), ElementsAre(0.5f, 2, 4.5f, 8, 20, 36));
}

TEST(ScaleFoldArithmeticTest, RowsMayBeApart) {
  Matrix matrix(2, 3, {1, 2, 3, 4, 5, 6});
  const MatrixView<float> part(matrix.row(0), 2, 2, 3);
  DivideRows({2.0f, 4.0f}, part);
  MultiplyColumns({10.0f, 100.0f}, part);
  EXPECT_THAT(matrix.values(), ElementsAre(5, 100, 3, 10, 125, 6));
}

TEST(ScaleFoldArithmeticTest, ScalesAreSharedByGroupsAndRootsByProducers) {
  ScaleFold fold;
  fold.channels = 4;
  fold.block = 2;
  fold.repeats = 2;
  EXPECT_THAT(ConsumerScales(fold, {1, 4, 9, 16}),
              ElementsAre(1, 4, 1, 4, 9, 16, 9, 16));
  EXPECT_THAT(ProducerScales(fold, {1, 4, 9, 16}), ElementsAre(1, 4, 9, 16));
  fold.squared = true;
  EXPECT_THAT(ProducerScales(fold, {1, 4, 9, 16}), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace ounce
