#include "model/arch/name_table.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

// Two key heads of width 2 with two query heads each; three experts.
ModelSpec SmallSpec() {
  ModelSpec spec;
  spec.vocab = 8;
  spec.width = 5;
  spec.layers = 2;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_dim = 2;
  spec.ffn = 6;
  spec.experts = {.experts = 3, .per_token = 1, .ffn = 6};
  return spec;
}

std::vector<std::string> Names(const NameTable& names,
                               const std::string& canonical) {
  std::vector<std::string> found;
  const TensorSlot slot = {canonical, {4, 4}, TensorRole::kMatrix};
  for (const SourceTensor& source : SourceTensorsOf(names, SmallSpec(), slot)) {
    found.push_back(source.name);
  }
  return found;
}

// The only place of `canonical`, stored as `row` says.
SourceTensor Place(const NameRow& row, const std::string& canonical,
                   const Shape& shape) {
  const NameTable names = {"", absl::MakeConstSpan(&row, 1)};
  const std::vector<SourceTensor> places = SourceTensorsOf(
      names, SmallSpec(), {canonical, shape, TensorRole::kMatrix});
  EXPECT_EQ(places.size(), 1u);
  return places.front();
}

// The stored elements of the first column of each row.
std::vector<int64_t> FirstColumn(const SourceTensor& place, int64_t rows) {
  std::vector<int64_t> elements;
  for (int64_t row = 0; row < rows; ++row) {
    elements.push_back(place.map.StoredRow(row) * place.map.row_step);
  }
  return elements;
}

TEST(SourceTensorsOfTest, CanonicalNameWithAndWithoutThePrefix) {
  const NameTable names = {"model.", {}};
  EXPECT_THAT(Names(names, "model.norm.weight"),
              ElementsAre("model.norm.weight", "norm.weight"));
  EXPECT_THAT(Names(names, "model.layers.1.mlp.up_proj.weight"),
              ElementsAre("model.layers.1.mlp.up_proj.weight",
                          "layers.1.mlp.up_proj.weight"));
  EXPECT_THAT(Names(names, "lm_head.weight"), ElementsAre("lm_head.weight"));
}

TEST(SourceTensorsOfTest, RowsNameLayersExpertsAndSuffixes) {
  const NameRow rows[] = {{"input_layernorm", "transformer.h.#.ln_1"},
                          {"mlp.experts.@.up_proj", "transformer.h.#.moe.@.w3"},
                          {"mlp.experts.@.up_proj", "transformer.h.#.moe.w3",
                           Fusion::kNone, 0, false, true},
                          {"model.norm", "transformer.ln_f"}};
  const NameTable names = {"transformer.", rows};
  EXPECT_THAT(Names(names, "model.layers.12.input_layernorm.bias"),
              ElementsAre("transformer.h.12.ln_1.bias", "h.12.ln_1.bias"));
  EXPECT_THAT(
      Names(names, "model.layers.3.mlp.experts.10.up_proj.weight"),
      ElementsAre("transformer.h.3.moe.10.w3.weight", "transformer.h.3.moe.w3",
                  "h.3.moe.10.w3.weight", "h.3.moe.w3"));
  EXPECT_THAT(Names(names, "model.norm.weight"),
              ElementsAre("transformer.ln_f.weight", "ln_f.weight"));
}

// Queries have 8 rows, keys and values 4 each: 16 of 5 elements.
TEST(SourceTensorsOfTest, QkvHasQueryThenKeyThenValue) {
  const auto place = [](int part, int64_t rows) {
    return Place({"self_attn.x", "qkv", Fusion::kQkv, part},
                 "model.layers.0.self_attn.x.weight", {rows, 5});
  };
  EXPECT_THAT(place(0, 8).shape, ElementsAre(16, 5));
  EXPECT_EQ(place(0, 8).name, "qkv.weight");
  EXPECT_THAT(FirstColumn(place(0, 8), 8),
              ElementsAre(0, 5, 10, 15, 20, 25, 30, 35));
  EXPECT_THAT(FirstColumn(place(1, 4), 4), ElementsAre(40, 45, 50, 55));
  EXPECT_THAT(FirstColumn(place(2, 4), 4), ElementsAre(60, 65, 70, 75));
}

// Rows of key head 0: q0 q0 q1 q1 k k v v, then the same of key head 1.
TEST(SourceTensorsOfTest, QkvByHeadHasEachKeyHeadsQueriesKeyAndValue) {
  const auto place = [](int part, int64_t rows) {
    return Place({"self_attn.x", "qkv", Fusion::kQkvByHead, part},
                 "model.layers.0.self_attn.x.weight", {rows, 5});
  };
  EXPECT_THAT(place(0, 8).shape, ElementsAre(16, 5));
  EXPECT_THAT(FirstColumn(place(0, 8), 8),
              ElementsAre(0, 5, 10, 15, 40, 45, 50, 55));
  EXPECT_THAT(FirstColumn(place(1, 4), 4), ElementsAre(20, 25, 60, 65));
  EXPECT_THAT(FirstColumn(place(2, 4), 4), ElementsAre(30, 35, 70, 75));
}

TEST(SourceTensorsOfTest, BiasesAreFusedAlike) {
  const SourceTensor place =
      Place({"self_attn.x", "qkv", Fusion::kQkvByHead, 1},
            "model.layers.0.self_attn.x.bias", {4});
  EXPECT_EQ(place.name, "qkv.bias");
  EXPECT_THAT(place.shape, ElementsAre(16));
  EXPECT_THAT(FirstColumn(place, 4), ElementsAre(4, 5, 12, 13));
}

TEST(SourceTensorsOfTest, TransposedWeightsAreColumns) {
  const SourceTensor plain =
      Place({"mlp.up_proj", "c_fc", Fusion::kNone, 0, true},
            "model.layers.0.mlp.up_proj.weight", {6, 5});
  EXPECT_THAT(plain.shape, ElementsAre(5, 6));
  EXPECT_THAT(FirstColumn(plain, 6), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(plain.map.column_step, 6);
  const SourceTensor key =
      Place({"self_attn.k_proj", "c_attn", Fusion::kQkv, 1, true},
            "model.layers.0.self_attn.k_proj.weight", {4, 5});
  EXPECT_THAT(key.shape, ElementsAre(5, 16));
  EXPECT_THAT(FirstColumn(key, 4), ElementsAre(8, 9, 10, 11));
  EXPECT_EQ(key.map.column_step, 16);
  // A bias is no matrix.
  const SourceTensor bias =
      Place({"mlp.up_proj", "c_fc", Fusion::kNone, 0, true},
            "model.layers.0.mlp.up_proj.bias", {6});
  EXPECT_THAT(bias.shape, ElementsAre(6));
  EXPECT_THAT(FirstColumn(bias, 6), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(SourceTensorsOfTest, GateAndUpFollowEachOther) {
  const SourceTensor up = Place({"mlp.up_proj", "w", Fusion::kGateUp, 1},
                                "model.layers.0.mlp.up_proj.weight", {6, 5});
  EXPECT_THAT(up.shape, ElementsAre(12, 5));
  EXPECT_THAT(FirstColumn(up, 2), ElementsAre(30, 35));
}

// [experts, rows, 5]: expert 2 begins at 2 * 12 * 5, its up half 6 rows on.
TEST(SourceTensorsOfTest, ExpertsAreSlicesOfThreeDimensions) {
  const SourceTensor up =
      Place({"mlp.experts.@.up_proj", "gate_up", Fusion::kExpertsGateUp, 1,
             false, true},
            "model.layers.0.mlp.experts.2.up_proj.weight", {6, 5});
  EXPECT_EQ(up.name, "gate_up");
  EXPECT_THAT(up.shape, ElementsAre(3, 12, 5));
  EXPECT_THAT(FirstColumn(up, 2), ElementsAre(150, 155));
  const SourceTensor down = Place(
      {"mlp.experts.@.down_proj", "down", Fusion::kExperts, 0, false, true},
      "model.layers.0.mlp.experts.2.down_proj.weight", {5, 6});
  EXPECT_THAT(down.shape, ElementsAre(3, 5, 6));
  EXPECT_THAT(FirstColumn(down, 2), ElementsAre(60, 66));
}

// What families with several prefixes share goes by the prefix of each, or by
// none; what the others call their norms, by its old name too.
TEST(SourceTensorsOfTest, BaseRowsHaveThePrefixAndNormsTheirOldNames) {
  constexpr NameRow kBase[] = {
      {"model.embed_norm", "embeddings.LayerNorm"},
      {"self_attn.o_proj", "encoder.#.dense"},
  };
  constexpr NameRow kOwn[] = {{"lm_head_transform_norm", "cls.LayerNorm"}};
  const NameTable names = {"bert.", kOwn, kBase};
  EXPECT_THAT(Names(names, "model.layers.3.self_attn.o_proj.bias"),
              ElementsAre("bert.encoder.3.dense.bias", "encoder.3.dense.bias"));
  EXPECT_THAT(Names(names, "model.embed_norm.weight"),
              ElementsAre("bert.embeddings.LayerNorm.weight",
                          "embeddings.LayerNorm.weight",
                          "bert.embeddings.LayerNorm.gamma",
                          "embeddings.LayerNorm.gamma"));
  EXPECT_THAT(Names(names, "lm_head_transform_norm.bias"),
              ElementsAre("cls.LayerNorm.bias", "cls.LayerNorm.beta"));
}

TEST(SourceTensorsOfTest, EncodersLayersHaveNamesOfTheirOwn) {
  constexpr NameRow kRows[] = {
      {"mlp.up_proj", "decoder.#.fc1"},
      {"encoder.mlp.up_proj", "encoder.#.fc1"},
  };
  const NameTable names = {"", kRows};
  EXPECT_THAT(Names(names, "model.layers.2.mlp.up_proj.weight"),
              ElementsAre("decoder.2.fc1.weight"));
  EXPECT_THAT(Names(names, "encoder.layers.2.mlp.up_proj.weight"),
              ElementsAre("encoder.2.fc1.weight"));
}

TEST(SourceTensorsOfTest, AVectorMayBeOneRowOfAMatrix) {
  constexpr NameRow kRow = {.canonical = "lm_head.bias",
                            .source = "final_logits_bias",
                            .fusion = Fusion::kRowVector,
                            .is_whole_name = true};
  const SourceTensor place = Place(kRow, "lm_head.bias", {8});
  EXPECT_EQ(place.name, "final_logits_bias");
  EXPECT_THAT(place.shape, ElementsAre(1, 8));
  EXPECT_THAT(FirstColumn(place, 3), ElementsAre(0, 1, 2));
}

TEST(IsHarmlessTest, HeadsOfOtherKindsWithOrWithoutThePrefix) {
  constexpr absl::string_view kUnused[] = {"cls.", "pooler."};
  const NameTable names = {"bert.", {}, {}, kUnused};
  for (const char* name :
       {"cls.predictions.bias", "bert.pooler.dense.weight", "pooler.dense.bias",
        "bert.embeddings.position_ids"}) {
    EXPECT_TRUE(IsHarmless(names, name)) << name;
  }
  for (const char* name : {"clsx.weight", "roberta.pooler.dense.weight",
                           "embeddings.cls.weight", "qa_outputs.weight"}) {
    EXPECT_FALSE(IsHarmless(names, name)) << name;
  }
}

TEST(IsHarmlessTest, MasksRotaryTablesAndATiedHeadAreHarmless) {
  const NameTable names = {"model.", {}};
  for (const std::string name :
       {"model.layers.0.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq",
        "model.rotary_emb.cos_cached", "model.rotary_emb.sin_cached",
        "layers.3.attn.bias", "layers.3.attn.masked_bias",
        "gpt_neox.layers.0.attention.bias",
        "gpt_neox.layers.0.attention.masked_bias",
        "model.embeddings.position_ids", "lm_head.weight"}) {
    EXPECT_TRUE(IsHarmless(names, name)) << name;
  }
  for (const std::string name :
       {"model.layers.0.self_attn.q_proj.bias", "lm_head.bias",
        "model.layers.32.mlp.up_proj.weight", "score.weight",
        "embed_out.weight"}) {
    EXPECT_FALSE(IsHarmless(names, name)) << name;
  }
}

TEST(IsHarmlessTest, HeadMayHaveTheFamilysName) {
  const NameRow rows[] = {{"lm_head", "embed_out"}};
  EXPECT_TRUE(IsHarmless({"gpt_neox.", rows}, "embed_out.weight"));
}

}  // namespace
}  // namespace ounce
