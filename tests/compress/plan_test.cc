#include "compress/plan.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compress/tensor_pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Recipe Parse(const std::string& yaml) {
  const absl::StatusOr<Recipe> recipe = ParseRecipe(yaml);
  EXPECT_OK(recipe);
  return *recipe;
}

class MakePlanTest : public ::testing::Test {
 protected:
  // Owns the recipe that the plan points into.
  absl::StatusOr<Plan> Make(const std::string& yaml) {
    recipe_ = Parse(yaml);
    return MakePlan(model_.bound(), recipe_);
  }
  static const TensorPlan& Row(const Plan& plan, const std::string& name) {
    for (const TensorPlan& row : plan.tensors) {
      if (row.tensor->slot.name == name) return row;
    }
    ADD_FAILURE() << "no " << name;
    return plan.tensors[0];
  }

  Recipe recipe_;
  const TinyModel model_{TinySpec(), Codec::kBF16};
};

// Bytes by hand, for one matrix; blocks of 16 rows are filled to 64 bytes.
TEST(PlanBytesTest, SizesAreWorkedByHand) {
  struct Case {
    int64_t rows, cols;
    std::string codec;
    int64_t bytes;
  };
  const Case cases[] = {
      // 32 columns * 8 bytes of codes + 1 group * 32 bytes of scales = 288.
      {16, 32, "codec: int4", 320},
      // 64 * 8 + 2 * 32 = 576, nine times 64.
      {16, 64, "codec: int4", 576},
      // One group of 64: 64 * 8 + 32 = 544.
      {16, 64, "codec: int4, group_size: 64", 576},
      // 128 * 8 + 4 * (32 + 8 zero points) = 1184.
      {16, 128, "codec: int4, symmetric: false", 1216},
      // 128 * 8 + 4 groups * 16 + 16 * 4 of row scales = 1152, 18 times 64.
      {16, 128, "codec: int4-progressive", 1152},
      // 32 * 8 + 16 + 64 = 336.
      {16, 32, "codec: int4-progressive", 384},
      // 33 columns are stored as 64 in two groups; 17 rows take two blocks.
      {17, 33, "codec: int4", 2 * 576},
      // 32 * 16 codes + 64 scales + 64 row sums.
      {16, 32, "codec: int8", 640},
      // 5 columns are stored as 8.
      {1, 5, "codec: int8", 8 * 16 + 128},
      {3, 5, "codec: float", 3 * 5 * 4},
  };
  for (const Case& c : cases) {
    BoundTensors bound;
    bound.tensors.push_back(
        {{"w", {c.rows, c.cols}, TensorRole::kMatrix},
         {Codec::kF32, c.rows, c.cols, 0, nullptr, c.rows * c.cols * 4}});
    const Recipe recipe = Parse("quantize: [{tensors: w, " + c.codec + "}]");
    ASSERT_OK_AND_ASSIGN(const Plan plan, MakePlan(bound, recipe));
    EXPECT_EQ(plan.tensors[0].bytes, c.bytes)
        << c.codec << " " << c.rows << " x " << c.cols;
    EXPECT_EQ(plan.bytes, c.bytes);
    EXPECT_EQ(plan.parameters, c.rows * c.cols);
    EXPECT_EQ(plan.source_bytes, c.rows * c.cols * 4);
    EXPECT_DOUBLE_EQ(plan.bits_per_weight(),
                     8.0 * static_cast<double>(c.bytes) /
                         static_cast<double>(c.rows * c.cols));
  }
}

TEST_F(MakePlanTest, ListsEveryTensorInTheOrderOfTheModel) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, Make("{}"));
  ASSERT_EQ(plan.tensors.size(), model_.bound().tensors.size());
  int64_t bytes = 0;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    EXPECT_EQ(plan.tensors[i].tensor, &model_.bound().tensors[i]);
    EXPECT_EQ(plan.tensors[i].codec, plan.tensors[i].tensor->matrix.codec);
    EXPECT_EQ(plan.tensors[i].bytes, plan.tensors[i].tensor->matrix.bytes);
    EXPECT_EQ(plan.tensors[i].quantize, nullptr);
    EXPECT_EQ(plan.tensors[i].prune, nullptr);
    bytes += plan.tensors[i].bytes;
  }
  EXPECT_EQ(plan.bytes, bytes);
  EXPECT_EQ(plan.source_bytes, bytes);
  EXPECT_EQ(plan.parameters, CountParameters(TensorTable(TinySpec())));
}

TEST_F(MakePlanTest, VectorsAreLeftAloneWhateverThePattern) {
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       Make("{prune: [{tensors: '*', sparsity: 0.5}], "
                            "quantize: [{tensors: '*', codec: int8}]}"));
  const TensorPlan& norm = Row(plan, "model.norm.weight");
  EXPECT_EQ(norm.codec, Codec::kF32);
  EXPECT_EQ(norm.quantize, nullptr);
  EXPECT_EQ(norm.prune, nullptr);
  const TensorPlan& head = Row(plan, "lm_head.weight");
  EXPECT_EQ(head.codec, Codec::kInt8);
  EXPECT_EQ(head.prune, &recipe_.prune[0]);
}

TEST_F(MakePlanTest, FirstMatchingRuleWins) {
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       Make("quantize: [{tensors: '*.q_proj.*', codec: float}, "
                            "{tensors: '*_proj.*', codec: int4}, "
                            "{tensors: '*', codec: int8}]"));
  const TensorPlan& query = Row(plan, "model.layers.1.self_attn.q_proj.weight");
  EXPECT_EQ(query.codec, Codec::kBF16);
  EXPECT_EQ(query.quantize, nullptr);
  const TensorPlan& key = Row(plan, "model.layers.1.self_attn.k_proj.weight");
  EXPECT_EQ(key.codec, Codec::kInt4);
  EXPECT_EQ(key.group_size, 32);
  EXPECT_EQ(Row(plan, "lm_head.weight").codec, Codec::kInt8);
}

TEST_F(MakePlanTest, RefusesAPruneRuleThatMatchesNoMatrix) {
  EXPECT_THAT(
      Make("prune: [{tensors: '*', sparsity: 0.1}, "
           "{tensors: [typo, '*.mpl.*'], sparsity: 0.5}]"),
      StatusIs(kInvalid, AllOf(HasSubstr("prune rule for 'typo', '*.mpl.*'"),
                               HasSubstr("matches no matrix"),
                               HasSubstr("ounce inspect"))));
  // A norm is no matrix.
  EXPECT_THAT(Make("prune: [{tensors: model.norm.weight, sparsity: 0.5}]"),
              StatusIs(kInvalid, HasSubstr("matches no matrix")));
}

TEST_F(MakePlanTest, WarnsOfAQuantiseRuleThatMatchesNothing) {
  ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      Make("quantize: [{tensors: of_another_family, codec: int8}, "
           "{tensors: '*', codec: int8}]"));
  EXPECT_THAT(plan.warnings,
              ElementsAre(AllOf(HasSubstr("quantize rule"),
                                HasSubstr("'of_another_family'"),
                                HasSubstr("matches no matrix"))));
}

TEST_F(MakePlanTest, RefusesAModelThatIsQuantisedAlready) {
  const TinyModel model(TinySpec(), Codec::kInt8);
  const Recipe recipe;
  EXPECT_THAT(
      MakePlan(model.bound(), recipe),
      StatusIs(kInvalid,
               AllOf(HasSubstr("'model.embed_tokens.weight' is int8 already"),
                     HasSubstr("float checkpoint"))));
}

TEST_F(MakePlanTest, MemoryIsThatOfTheLargestTensor) {
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       Make("quantize: [{tensors: '*', codec: int4}]"));
  int64_t largest = 0;
  for (const TensorPlan& row : plan.tensors) {
    largest = std::max(largest, TensorPass::MemoryBytes(row));
  }
  EXPECT_EQ(plan.memory_bytes, largest);
}

TEST_F(MakePlanTest, DescribesWhatHappensToATensor) {
  ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      Make("{prune: [{tensors: lm_head.weight, sparsity: 0.5}, {tensors: "
           "'*.mlp.*', sparsity: 0.25, scope: global}], quantize: [{tensors: "
           "lm_head.weight, codec: int4, scale: least_squares}, {tensors: "
           "'*attn*', codec: int8}]}"));
  EXPECT_EQ(DescribeTensorPlan(Row(plan, "lm_head.weight")),
            "round_to_nearest, least_squares, magnitude 0.5 per tensor");
  EXPECT_EQ(DescribeTensorPlan(Row(plan, "model.norm.weight")), "float");
  EXPECT_EQ(DescribeTensorPlan(Row(plan, "model.layers.0.mlp.up_proj.weight")),
            "float, magnitude 0.25 global");
  EXPECT_EQ(
      DescribeTensorPlan(Row(plan, "model.layers.0.self_attn.o_proj.weight")),
      "round_to_nearest, absmax");
}

// What GPTQ moves from column to column would end in the zeros.
TEST_F(MakePlanTest, PruningAndGptqOfOneTensorAreRefused) {
  EXPECT_THAT(
      Make("{prune: [{tensors: '*.mlp.*', sparsity: 0.5}], quantize: "
           "[{tensors: '*', codec: int4, method: gptq}]}"),
      StatusIs(kInvalid, AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight"),
                               HasSubstr("pruned"), HasSubstr("gptq"),
                               HasSubstr("round_to_nearest"))));
  EXPECT_OK(
      Make("{prune: [{tensors: '*.mlp.*', sparsity: 0.5}], quantize: "
           "[{tensors: '*.mlp.*', codec: int4}, {tensors: '*', codec: "
           "int4, method: gptq}]}"));
}

// Scales and corrections would be lost in 8 bits of mantissa.
TEST_F(MakePlanTest, FloatTensorsOfLayersThatCalibrationChangesAreF32) {
  ASSERT_OK_AND_ASSIGN(
      const Plan plan,
      Make("{channel_scales: [awq], quantize: [{tensors: '*.mlp.*', codec: "
           "int4}]}"));
  EXPECT_EQ(Row(plan, "model.layers.0.self_attn.q_proj.weight").codec,
            Codec::kF32);
  EXPECT_EQ(Row(plan, "model.layers.0.input_layernorm.weight").codec,
            Codec::kF32);
  EXPECT_EQ(Row(plan, "model.layers.0.mlp.up_proj.weight").codec, Codec::kInt4);
  EXPECT_EQ(Row(plan, "lm_head.weight").codec, Codec::kBF16);
}

TEST_F(MakePlanTest, EstimateIsAPositiveNumberOfSeconds) {
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       Make("quantize: [{tensors: '*', codec: int4}]"));
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(const double seconds, EstimateSeconds(plan, &pool));
  EXPECT_GT(seconds, 0.0);
  EXPECT_LT(seconds, 5.0);  // Some ten thousand weights.
}

// Every matrix in blocks of another program.
class ForeignPlanTest : public ::testing::Test {
 protected:
  ForeignPlanTest() {
    bound_ = model_.bound();
    for (BoundTensor& tensor : bound_.tensors) {
      if (!IsCompressible(tensor.slot.role)) continue;
      tensor.matrix.codec = Codec::kQ8_0;
      tensor.matrix.bytes = tensor.matrix.rows * tensor.matrix.cols / 32 * 34;
    }
  }
  const TinyModel model_{TinySpec(), Codec::kF32};
  BoundTensors bound_;
};

TEST_F(ForeignPlanTest, FloatWidensWhatArtifactsCannotHold) {
  const Recipe recipe = Parse("quantize: [{tensors: '*', codec: float}]");
  ASSERT_OK_AND_ASSIGN(const Plan plan, MakePlan(bound_, recipe));
  for (const TensorPlan& row : plan.tensors) {
    EXPECT_EQ(row.codec, Codec::kF32) << row.tensor->slot.name;
  }
  EXPECT_THAT(plan.warnings, ::testing::IsEmpty());
}

TEST_F(ForeignPlanTest, QuantisingAgainIsWarnedOf) {
  const Recipe recipe = Parse("quantize: [{tensors: '*', codec: int8}]");
  ASSERT_OK_AND_ASSIGN(const Plan plan, MakePlan(bound_, recipe));
  EXPECT_THAT(plan.warnings,
              ElementsAre(HasSubstr("have been quantised before")));
}

}  // namespace
}  // namespace ounce
