// Specs of encoders and encoder-decoders: what CheckSpec() says of them, and
// their tensors.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/spec.h"
#include "model/tensor_table.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ModelSpec Decoder() {
  ModelSpec spec;
  spec.architecture = "t5";
  spec.vocab = 10;
  spec.width = 4;
  spec.layers = 2;
  spec.heads = spec.kv_heads = 3;
  spec.head_dim = 2;
  spec.ffn = 7;
  spec.max_context = 16;
  spec.encoder = {.layers = 1, .heads = 1, .head_dim = 5, .ffn = 6};
  spec.position = PositionKind::kRelative;
  spec.relative_buckets = 8;
  spec.relative_max_distance = 20;
  return spec;
}

ModelSpec Encoder() {
  ModelSpec spec = EncoderOf(Decoder());
  spec.position = PositionKind::kLearned;
  spec.norm = NormKind::kLayer;
  spec.norm_bias = true;
  return spec;
}

std::vector<std::string> Rows(const ModelSpec& spec) {
  std::vector<std::string> rows;
  for (const TensorSlot& slot : TensorTable(spec)) {
    rows.push_back(slot.name + " " + ShapeString(slot.shape));
  }
  return rows;
}

struct Bad {
  std::string words;  // Of the message.
  std::function<void(ModelSpec*)> change;
};

void ExpectNamed(const ModelSpec& valid, const std::vector<Bad>& all) {
  ASSERT_OK(CheckSpec(valid));
  for (const Bad& bad : all) {
    ModelSpec spec = valid;
    bad.change(&spec);
    EXPECT_THAT(CheckSpec(spec), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr(bad.words)));
  }
}

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

TEST(CheckSpecTest, NamesWhatAnEncoderDecoderCannotBe) {
  const char* alike = "an encoder-decoder needs";
  ExpectNamed(
      Decoder(),
      {{"encoder layers is -1", [](ModelSpec* s) { s->encoder.layers = -1; }},
       {"encoder layers", [](ModelSpec* s) { s->encoder.layers = kHuge; }},
       {"encoder heads is 0", [](ModelSpec* s) { s->encoder.heads = 0; }},
       {"encoder head_dim is 0", [](ModelSpec* s) { s->encoder.head_dim = 0; }},
       {"encoder ffn is 0", [](ModelSpec* s) { s->encoder.ffn = 0; }},
       {"encoder vocab is -1", [](ModelSpec* s) { s->encoder.vocab = -1; }},
       {alike, [](ModelSpec* s) { s->window = 4; }},
       {alike, [](ModelSpec* s) { s->embedding_width = 2; }},
       {alike, [](ModelSpec* s) { s->residual = ResidualOrder::kParallel; }},
       {alike, [](ModelSpec* s) { s->layer_groups = 1; }},
       {alike, [](ModelSpec* s) { s->layer_kinds.resize(2); }},
       {alike,
        [](ModelSpec* s) {
          s->experts = {.experts = 2, .per_token = 1, .ffn = 3};
        }},
       {alike, [](ModelSpec* s) { s->position = PositionKind::kRotary; }},
       {alike, [](ModelSpec* s) { s->transform.present = true; }},
       {"a decoder needs", [](ModelSpec* s) { s->head = HeadKind::kNone; }},
       {"relative_buckets is 3", [](ModelSpec* s) { s->relative_buckets = 3; }},
       {"relative_buckets is 4097",
        [](ModelSpec* s) { s->relative_buckets = 4097; }},
       {"relative_max_distance is 4; expected 5",
        [](ModelSpec* s) { s->relative_max_distance = 4; }},
       {"max_context of sinusoidal positions", [](ModelSpec* s) {
          s->position = PositionKind::kSinusoidal;
          s->max_context = int64_t{1} << 30;
        }}});
}

TEST(CheckSpecTest, NamesHowTextCannotBeGenerated) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ExpectNamed(Decoder(),
              {{"generation id is -2",
                [](ModelSpec* s) { s->generation.start_id = -2; }},
               {"generation id is 2147483647",
                [](ModelSpec* s) { s->generation.forced_last_id = INT32_MAX; }},
               {"suppressed id is -1",
                [](ModelSpec* s) {
                  s->generation.suppressed_ids = {3, -1};
                }},
               {"beams is 0", [](ModelSpec* s) { s->generation.beams = 0; }},
               {"beams is 65", [](ModelSpec* s) { s->generation.beams = 65; }},
               {"generation length is -1",
                [](ModelSpec* s) { s->generation.no_repeat_ngram = -1; }},
               {"generation length is -7",
                [](ModelSpec* s) { s->generation.min_tokens = -7; }},
               {"length_penalty",
                [=](ModelSpec* s) { s->generation.length_penalty = nan; }}});
}

TEST(CheckSpecTest, NamesWhatAnEncoderCannotBe) {
  ExpectNamed(
      Encoder(),
      {{"number of labels is 0; expected 1",
        [](ModelSpec* s) { s->head = HeadKind::kTokenLabels; }},
       {"number of labels is 1; expected 0",
        [](ModelSpec* s) { s->labels = {"a"}; }},
       {"bytes of a label is 1025",
        [](ModelSpec* s) {
          s->head = HeadKind::kSequenceLabels;
          s->labels = {"", std::string(1025, 'x')};
        }},
       {"token_types is -1", [](ModelSpec* s) { s->token_types = -1; }},
       {"token_types is 4097", [](ModelSpec* s) { s->token_types = 4097; }},
       // A row of its own number must be before the first position's.
       {"unplaced_id is 0; expected -1 to -1",
        [](ModelSpec* s) { s->unplaced_id = 0; }},
       {"unplaced_id is 3; expected -1 to 2",
        [](ModelSpec* s) {
          s->unplaced_id = 3;
          s->position_offset = 3;
        }},
       {"unplaced_id is 0",
        [](ModelSpec* s) {
          s->unplaced_id = 0;
          s->position_offset = 1;
          s->position = PositionKind::kSinusoidal;
        }},
       {"unplaced_id", [](ModelSpec* s) { s->unplaced_id = kHuge; }},
       {"layer_groups is -1", [](ModelSpec* s) { s->layer_groups = -1; }},
       {"layer_groups is 2; expected 0 to 1",
        [](ModelSpec* s) { s->layer_groups = 2; }},
       {"layers of groups",
        [](ModelSpec* s) {
          s->layer_groups = 1;
          s->first_norm = false;
        }},
       {"can lack the first",
        [](ModelSpec* s) {
          s->first_norm = false;
          s->norm_placement = NormPlacement::kSum;
        }},
       {"can lack the first",
        [](ModelSpec* s) {
          s->first_norm = false;
          s->residual = ResidualOrder::kParallelShared;
        }},
       {"needs a transform",
        [](ModelSpec* s) { s->head = HeadKind::kLanguageModel; }}});
}

TEST(CheckSpecTest, NamesWhatADecoderHasNot) {
  ExpectNamed(Decoder(),
              {{"token types", [](ModelSpec* s) { s->token_types = 2; }},
               {"without positions", [](ModelSpec* s) {
                  s->position = PositionKind::kLearned;
                  s->position_offset = 2;
                  s->unplaced_id = 1;
                }}});
}

TEST(EncoderOfTest, IsAModelOfItsOwn) {
  ModelSpec spec = Decoder();
  spec.encoder.vocab = 12;
  spec.head_bias = true;
  spec.generation.beams = 5;
  const ModelSpec encoder = EncoderOf(spec);
  EXPECT_OK(CheckSpec(encoder));
  EXPECT_FALSE(encoder.has_encoder());
  EXPECT_FALSE(encoder.causal || encoder.head_bias);
  EXPECT_EQ(encoder.head, HeadKind::kNone);
  EXPECT_EQ(encoder.layers, 1);
  EXPECT_EQ(encoder.heads, 1);
  EXPECT_EQ(encoder.kv_heads, 1);
  EXPECT_EQ(encoder.head_dim, 5);
  EXPECT_EQ(encoder.ffn, 6);
  EXPECT_EQ(encoder.vocab, 12);
  EXPECT_EQ(encoder.width, spec.width);
  EXPECT_EQ(encoder.generation.beams, 1);
  // Without a vocabulary of its own, the decoder's.
  spec.encoder.vocab = 0;
  EXPECT_EQ(EncoderOf(spec).vocab, 10);
}

TEST(TensorTableTest, EncoderBesideADecoder) {
  ModelSpec spec = Decoder();
  spec.tied_head = true;
  spec.layers = 1;
  EXPECT_THAT(
      Rows(spec),
      ElementsAre("encoder.relative_bias.weight [8, 1]",
                  "encoder.layers.0.input_layernorm.weight [4]",
                  "encoder.layers.0.self_attn.q_proj.weight [5, 4]",
                  "encoder.layers.0.self_attn.k_proj.weight [5, 4]",
                  "encoder.layers.0.self_attn.v_proj.weight [5, 4]",
                  "encoder.layers.0.self_attn.o_proj.weight [4, 5]",
                  "encoder.layers.0.post_attention_layernorm.weight [4]",
                  "encoder.layers.0.mlp.gate_proj.weight [6, 4]",
                  "encoder.layers.0.mlp.up_proj.weight [6, 4]",
                  "encoder.layers.0.mlp.down_proj.weight [4, 6]",
                  "encoder.norm.weight [4]",
                  "model.embed_tokens.weight [10, 4]",
                  "model.relative_bias.weight [8, 3]",
                  "model.layers.0.input_layernorm.weight [4]",
                  "model.layers.0.self_attn.q_proj.weight [6, 4]",
                  "model.layers.0.self_attn.k_proj.weight [6, 4]",
                  "model.layers.0.self_attn.v_proj.weight [6, 4]",
                  "model.layers.0.self_attn.o_proj.weight [4, 6]",
                  "model.layers.0.cross_attention_layernorm.weight [4]",
                  "model.layers.0.cross_attn.q_proj.weight [6, 4]",
                  "model.layers.0.cross_attn.k_proj.weight [6, 4]",
                  "model.layers.0.cross_attn.v_proj.weight [6, 4]",
                  "model.layers.0.cross_attn.o_proj.weight [4, 6]",
                  "model.layers.0.post_attention_layernorm.weight [4]",
                  "model.layers.0.mlp.gate_proj.weight [7, 4]",
                  "model.layers.0.mlp.up_proj.weight [7, 4]",
                  "model.layers.0.mlp.down_proj.weight [4, 7]",
                  "model.norm.weight [4]"));
  spec.encoder.vocab = 12;
  EXPECT_THAT(Rows(spec), Contains("encoder.embed_tokens.weight [12, 4]"));
}

TEST(TensorTableTest, EmbeddingsOfAnEncoder) {
  ModelSpec spec = Encoder();
  spec.position_offset = 2;
  spec.unplaced_id = 1;
  spec.token_types = 3;
  spec.embedding_norm = true;
  spec.embedding_width = 2;
  // Positions, kinds and the norm are as wide as what they are added to.
  std::vector<std::string> rows = Rows(spec);
  EXPECT_THAT(rows, Contains("model.embed_positions.weight [18, 4]"));
  EXPECT_THAT(rows, Contains("model.embed_token_types.weight [3, 4]"));
  EXPECT_THAT(rows, Contains("model.embed_norm.bias [4]"));
  EXPECT_THAT(rows, Contains("model.project_in.weight [4, 2]"));
  EXPECT_THAT(rows, Not(Contains("model.project_in.bias [4]")));
  spec.embedding_projected_last = true;
  rows = Rows(spec);
  EXPECT_THAT(rows, Contains("model.embed_positions.weight [18, 2]"));
  EXPECT_THAT(rows, Contains("model.embed_token_types.weight [3, 2]"));
  EXPECT_THAT(rows, Contains("model.embed_norm.bias [2]"));
  EXPECT_THAT(rows, Contains("model.project_in.bias [4]"));
}

TEST(TensorTableTest, HeadsOfAnEncoder) {
  ModelSpec spec = Encoder();
  const size_t base = Rows(spec).size();
  spec.transform = {.present = true, .bias = false, .norm = true};
  EXPECT_THAT(Rows(spec), Contains("pooler.weight [4, 4]"));
  EXPECT_EQ(Rows(spec).size(), base + 3);
  spec.head = HeadKind::kTokenLabels;
  spec.labels = {"a", "b", "c"};
  EXPECT_THAT(Rows(spec), Contains("classifier_transform.weight [4, 4]"));
  EXPECT_THAT(Rows(spec), Contains("classifier_transform_norm.bias [4]"));
  EXPECT_THAT(Rows(spec), Contains("classifier.weight [3, 4]"));
  EXPECT_THAT(Rows(spec), Contains("classifier.bias [3]"));
  spec.labels.clear();
  spec.head = HeadKind::kLanguageModel;
  spec.embedding_width = 2;
  EXPECT_THAT(Rows(spec), Contains("lm_head_transform.weight [2, 4]"));
  EXPECT_THAT(Rows(spec), Contains("lm_head.weight [10, 2]"));
  EXPECT_THAT(Rows(spec), Not(Contains(HasSubstr("project_out"))));
}

TEST(TensorTableTest, LayersOfGroupsAreStoredOnce) {
  ModelSpec spec = Encoder();
  spec.layers = 5;
  const size_t all = Rows(spec).size();
  spec.layer_groups = 2;
  EXPECT_THAT(Rows(spec), Contains(HasSubstr("model.layers.1.")));
  EXPECT_THAT(Rows(spec), Not(Contains(HasSubstr("model.layers.2."))));
  // A layer has two norms of two vectors, four projections and three matrices.
  EXPECT_EQ(Rows(spec).size(), all - 3 * 11);
}

TEST(TensorTableTest, FirstLayerMayLackItsNorm) {
  ModelSpec spec = Encoder();
  spec.layers = 2;
  spec.first_norm = false;
  EXPECT_THAT(Rows(spec),
              Not(Contains("model.layers.0.input_layernorm.weight [4]")));
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.1.input_layernorm.weight [4]"));
  EXPECT_THAT(Rows(spec),
              Contains("model.layers.0.post_attention_layernorm.weight [4]"));
}

}  // namespace
}  // namespace ounce
