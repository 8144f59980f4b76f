#include "compress/block.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compress/block_fixture.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr char kInt4[] =
    "quantize: [{tensors: '*', codec: int4, scale: least_squares}]";

// The layer in f32 is the layer of the source: the same bits.
TEST(BlockTest, ArrangedItRunsAsTheLayerOfTheSource) {
  for (const ModelSpec& spec : {BlockSpec(), ExpertsSpec()}) {
    BlockSetup setup(spec, kInt4);
    ASSERT_OK_AND_ASSIGN(const Block block, setup.Load());
    const std::vector<Matrix> expected =
        setup.Outputs(setup.model().weights().layers[0]);
    const std::vector<Matrix> outputs = setup.Outputs(block.Arrange());
    for (size_t w = 0; w < expected.size(); ++w) {
      EXPECT_THAT(outputs[w].values(), ElementsAreArray(expected[w].values()));
    }
  }
}

TEST(BlockTest, FindsTensorsByNameAndByTheDataThatRuns) {
  BlockSetup setup(BlockSpec(), kInt4);
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  BlockTensor* const down = block.Find("model.layers.0.mlp.down_proj.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->values.rows(), 64);
  EXPECT_EQ(down->values.cols(), 96);
  EXPECT_EQ(block.Find("model.layers.1.mlp.down_proj.weight"), nullptr);
  const LayerWeights layer = block.Arrange();
  EXPECT_EQ(block.FindData(layer.ffn.down.weight.data), down);
  EXPECT_EQ(block.FindData(nullptr), nullptr);
  const uint8_t other = 0;
  EXPECT_EQ(block.FindData(&other), nullptr);
}

TEST(BlockTest, MemoryIsFourBytesAWeight) {
  BlockSetup setup(BlockSpec(), kInt4);
  ASSERT_OK(setup.Load());
  // q, o 64 x 64, k, v 32 x 64, three of 96 x 64, two norms of 64.
  EXPECT_EQ(Block::MemoryBytes(setup.rows()),
            4 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64 + 2 * 64));
}

TEST(BlockTest, NamesTheTensorWhoseWeightIsNotFinite) {
  for (const std::string suffix :
       {"self_attn.v_proj.weight", "input_layernorm.weight"}) {
    for (const float value :
         {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      BlockSetup setup(BlockSpec(), kInt4);
      setup.Values(setup.LayerName(suffix))[5] = value;
      EXPECT_THAT(setup.Load().status(),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           HasSubstr("model.layers.0." + suffix)));
    }
  }
}

// A block with other values runs as one that was loaded with them.
TEST(BlockTest, ArrangeWithTakesChangedTensorsInPlaceOfItsOwn) {
  const std::string name = "model.layers.0.self_attn.o_proj.weight";
  BlockSetup setup(BlockSpec(), kInt4);
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  const std::vector<Matrix> before = setup.Outputs(block.Arrange());
  std::vector<BlockTensor> changed = {*block.Find(name)};
  for (float& value : changed[0].values.values()) value *= -2.0f;
  const std::vector<Matrix> outputs = setup.Outputs(block.ArrangeWith(changed));
  // Its own values stay.
  EXPECT_EQ(OutputDistance(before, setup.Outputs(block.Arrange())), 0.0);
  for (float& value : setup.Values(name)) value *= -2.0f;
  ASSERT_OK_AND_ASSIGN(const Block loaded, setup.Load());
  EXPECT_EQ(OutputDistance(setup.Outputs(loaded.Arrange()), outputs), 0.0);
  EXPECT_GT(OutputDistance(before, outputs), 0.01);
}

TEST(BlockTest, PackedTensorsRunAsTheyWillBeStored) {
  BlockSetup setup(BlockSpec(), kInt4);
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  BlockTensor* const up = block.Find("model.layers.0.mlp.up_proj.weight");
  up->packed = setup.PlainBytes(*up->plan);
  EXPECT_EQ(up->matrix().codec, Codec::kInt4);
  EXPECT_EQ(up->matrix().group_size, 32);
  const LayerWeights layer = block.Arrange();
  EXPECT_EQ(layer.ffn.up.weight.data, up->packed.data());
  EXPECT_EQ(layer.ffn.up.weight.codec, Codec::kInt4);
  EXPECT_EQ(layer.ffn.gate.weight.codec, Codec::kF32);
}

// 100 rows: tasks of PackRows() end within the matrix.
class PackRowsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(PackRowsTest, GivesTheBytesAndSumsOfTensorPass) {
  ModelSpec spec = BlockSpec();
  spec.ffn = 100;
  BlockSetup setup(spec, GetParam());
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  for (const BlockTensor& tensor : block.tensors()) {
    SCOPED_TRACE(tensor.plan->tensor->slot.name);
    TensorStats stats;
    ASSERT_OK_AND_ASSIGN(const std::vector<uint8_t> packed,
                         PackRows(*tensor.plan, tensor.values.view(),
                                  &setup.context()->pool(), &stats));
    EXPECT_THAT(packed, ElementsAreArray(setup.PlainBytes(*tensor.plan)));
    TensorPass pass(&setup.context()->pool());
    absl::Span<const uint8_t> bytes;
    TensorStats expected;
    ASSERT_OK(pass.Run(*tensor.plan, 0, tensor.values.rows(), nullptr, &bytes,
                       &expected));
    // Rows add up in another order.
    EXPECT_NEAR(stats.square_sum, expected.square_sum,
                1e-9 * expected.square_sum);
    EXPECT_NEAR(stats.error_sum, expected.error_sum,
                1e-6 * expected.square_sum);
    EXPECT_EQ(stats.pruned, expected.pruned);
    EXPECT_EQ(stats.zeros, expected.zeros);
    EXPECT_EQ(stats.weights, expected.weights);
    EXPECT_EQ(stats.tiny_scales, expected.tiny_scales);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AllCodecs, PackRowsTest,
    ::testing::Values(
        "{}", "quantize: [{tensors: '*', codec: int8}]",
        "quantize: [{tensors: '*', codec: int8, activation_group_size: 32}]",
        "quantize: [{tensors: '*', codec: int4, symmetric: false}]",
        "quantize: [{tensors: '*', codec: int4-progressive, group_size: 64}]",
        "quantize: [{tensors: '*', codec: int4, method: hqq}]",
        "quantize: [{tensors: '*', codec: int4, method: gptq}]"));

// Groups of 1e-9 are below what f16 holds well.
TEST(PackRowsTest, CountsTinyScales) {
  BlockSetup setup(BlockSpec(), kInt4);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  for (size_t i = 0; i < 32; ++i) setup.Values(name)[i] = 1e-9f;
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  const BlockTensor& tensor = *block.Find(name);
  TensorStats stats;
  ASSERT_OK(PackRows(*tensor.plan, tensor.values.view(),
                     &setup.context()->pool(), &stats));
  EXPECT_EQ(stats.tiny_scales, 1);
}

TEST(PackRowsTest, NamesTheTensorWhoseScaleItsCodecCannotHold) {
  BlockSetup setup(BlockSpec(), kInt4);
  const std::string name = "model.layers.0.self_attn.q_proj.weight";
  setup.Values(name)[0] = 1e9f;  // Over 7: above the largest f16.
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  const BlockTensor& tensor = *block.Find(name);
  EXPECT_THAT(PackRows(*tensor.plan, tensor.values.view(),
                       &setup.context()->pool(), nullptr),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
}

}  // namespace
}  // namespace ounce
