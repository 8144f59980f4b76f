#include "compress/channel_scale_search.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "compress/block_quantize.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compress/block_fixture.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr int64_t kPlenty = int64_t{1} << 30;
constexpr char kInt8[] = "quantize: [{tensors: '*', codec: int8}]";
constexpr char kInt4[] =
    "quantize: [{tensors: '*', codec: int4, scale: least_squares}]";

// Four channels of each norm 64 times as large, and what reads them as much
// smaller: powers of two, so that the layer gives the same bits.
void AddOutliers(BlockSetup& setup) {
  const auto scale = [&](const std::string& norm,
                         const std::vector<std::string>& readers) {
    for (const int64_t channel : {3, 17, 40, 62}) {
      setup.Values(setup.LayerName(norm))[static_cast<size_t>(channel)] *= 64;
      for (const std::string& reader : readers) {
        setup.ScaleColumn(setup.LayerName(reader), channel, 1.0f / 64);
      }
    }
  };
  scale("input_layernorm.weight",
        {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
         "self_attn.v_proj.weight"});
  scale("post_attention_layernorm.weight",
        {"mlp.gate_proj.weight", "mlp.up_proj.weight"});
}

// What quantising moves the layer's output after the searches of `rules`.
double ErrorAfter(BlockSetup& setup, const std::vector<ScaleRule>& rules) {
  absl::StatusOr<Block> block = setup.Load();
  EXPECT_OK(block);
  CompressReport report;
  for (const ScaleRule rule : rules) {
    EXPECT_OK(SearchChannelScales(setup.run(), rule, &*block, &report));
  }
  EXPECT_THAT(report.warnings, IsEmpty());
  EXPECT_OK(QuantizeBlock(setup.run(), kPlenty, &*block));
  return setup.OutputError(*block);
}

// int8 quantises activations of a whole row: outliers take the others' bits.
TEST(SearchChannelScalesTest, SmoothUndoesOutliers) {
  BlockSetup plain(BlockSpec(), kInt8), outliers(BlockSpec(), kInt8);
  AddOutliers(outliers);
  const double without = ErrorAfter(plain, {});
  const double with = ErrorAfter(outliers, {});
  EXPECT_GT(with, 10 * without) << "the outliers do no harm";
  EXPECT_LT(ErrorAfter(outliers, {ScaleRule::kSmoothQuant}), 1.2 * without);
  EXPECT_LT(ErrorAfter(plain, {ScaleRule::kSmoothQuant}), 1.05 * without);
}

// int4 with activations of a row in int8, both searches one after the other.
TEST(SearchChannelScalesTest, SmoothThenAwqUndoesOutliersOfInt4) {
  BlockSetup plain(BlockSpec(), kInt4), outliers(BlockSpec(), kInt4);
  AddOutliers(outliers);
  const double without = ErrorAfter(plain, {});
  EXPECT_GT(ErrorAfter(outliers, {}), 1.5 * without);
  EXPECT_LT(ErrorAfter(outliers, {ScaleRule::kSmoothQuant, ScaleRule::kAwq}),
            1.1 * without);
}

// Channels with inputs far larger than the others' and weights like theirs.
TEST(SearchChannelScalesTest, AwqKeepsTheChannelsThatMatter) {
  BlockSetup setup(BlockSpec(), kInt4);
  for (const char* norm :
       {"input_layernorm.weight", "post_attention_layernorm.weight"}) {
    for (const size_t channel : {5u, 33u}) {
      setup.Values(setup.LayerName(norm))[channel] *= 8;
    }
  }
  EXPECT_LT(ErrorAfter(setup, {ScaleRule::kAwq}), 0.9 * ErrorAfter(setup, {}));
}

TEST(SearchChannelScalesTest, TheFloatLayerComputesWhatItDid) {
  for (const ScaleRule rule : {ScaleRule::kSmoothQuant, ScaleRule::kAwq}) {
    for (const ModelSpec& spec : {BlockSpec(), ExpertsSpec()}) {
      BlockSetup setup(spec, kInt4);
      ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
      const std::vector<Matrix> before = setup.Outputs(block.Arrange());
      CompressReport report;
      ASSERT_OK(SearchChannelScales(setup.run(), rule, &block, &report));
      int applied = 0;
      for (const ChannelScaleReport& line : report.channel_scales) {
        applied += line.applied;
      }
      EXPECT_GT(applied, 0) << "nothing was scaled";
      // Some 1e-7 each time that a product is rounded.
      EXPECT_LT(OutputDistance(before, setup.Outputs(block.Arrange())), 1e-4);
    }
  }
}

std::vector<std::string> NamesOf(const CompressReport& report) {
  std::vector<std::string> names;
  for (const ChannelScaleReport& line : report.channel_scales) {
    names.push_back(line.name);
  }
  return names;
}

TEST(SearchChannelScalesTest, ReportsEachPlace) {
  BlockSetup setup(BlockSpec(), kInt4);
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  CompressReport report;
  ASSERT_OK(SearchChannelScales(setup.run(), ScaleRule::kAwq, &block, &report));
  EXPECT_THAT(NamesOf(report),
              UnorderedElementsAre("model.layers.0.input_layernorm",
                                   "model.layers.0.self_attn.v_proj",
                                   "model.layers.0.post_attention_layernorm",
                                   "model.layers.0.mlp.up_proj"));
  for (const ChannelScaleReport& line : report.channel_scales) {
    EXPECT_EQ(line.method, "awq");
    EXPECT_GT(line.error_before, 0.0);
    EXPECT_LE(line.error_after, line.error_before);
    EXPECT_EQ(line.applied, line.error_after < line.error_before);
    EXPECT_GE(line.alpha, 0.0);
    EXPECT_LE(line.alpha, 1.0);
  }
}

TEST(SearchChannelScalesTest, PlacesWhoseReadersStayFloatAreLeftAlone) {
  BlockSetup setup(BlockSpec(),
                   "quantize: [{tensors: '*.mlp.*', codec: int4}]");
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  CompressReport report;
  ASSERT_OK(SearchChannelScales(setup.run(), ScaleRule::kAwq, &block, &report));
  EXPECT_THAT(NamesOf(report),
              ElementsAre("model.layers.0.post_attention_layernorm",
                          "model.layers.0.mlp.up_proj"));
}

TEST(SearchChannelScalesTest, NothingIsQuantisedAndNothingIsSearched) {
  BlockSetup setup(BlockSpec(), "{}");
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  CompressReport report;
  ASSERT_OK(SearchChannelScales(setup.run(), ScaleRule::kSmoothQuant, &block,
                                &report));
  EXPECT_THAT(report.channel_scales, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST(SearchChannelScalesTest, ChannelsThatAreNotFiniteAreLeftAlone) {
  for (const float value :
       {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    BlockSetup setup(BlockSpec(), kInt4);
    std::vector<Matrix> inputs = CorrelatedRows(3, 16, 64);
    inputs[2].row(1)[60] = value;
    setup.SetInputs(inputs);
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    CompressReport report;
    ASSERT_OK(SearchChannelScales(setup.run(), ScaleRule::kSmoothQuant, &block,
                                  &report));
    EXPECT_THAT(report.channel_scales, IsEmpty());
    ASSERT_THAT(report.warnings, SizeIs(4));
    EXPECT_THAT(report.warnings[0],
                AllOf(HasSubstr("model.layers.0.input_layernorm"),
                      HasSubstr("NaN or infinite")));
    ASSERT_OK_AND_ASSIGN(Block again, setup.Load());
    for (size_t i = 0; i < block.tensors().size(); ++i) {
      EXPECT_EQ(block.tensors()[i].values.values(),
                again.tensors()[i].values.values());
    }
  }
}

// The experts' own places have no statistics; those of all are searched.
TEST(SearchChannelScalesTest, AnExpertThatNoTokenReachesIsLeftAlone) {
  BlockSetup setup(ExpertsSpec(), kInt4);
  const absl::Span<float> router =
      setup.Values("model.layers.0.mlp.router.weight");
  for (size_t c = 0; c < 64; ++c) {
    router[64 + c] = -router[c];
    router[192 + c] = 0.0f;
  }
  ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
  CompressReport report;
  ASSERT_OK(SearchChannelScales(setup.run(), ScaleRule::kAwq, &block, &report));
  EXPECT_THAT(report.warnings,
              ElementsAre(AllOf(HasSubstr("mlp.experts.3.up_proj"),
                                HasSubstr("no calibration token"))));
}

TEST(SearchChannelScalesTest, ChoicesDoNotDependOnThreads) {
  std::vector<double> alphas;
  for (const int threads : {1, 3}) {
    BlockSetup setup(BlockSpec(), kInt4, threads);
    ASSERT_OK_AND_ASSIGN(Block block, setup.Load());
    CompressReport report;
    ASSERT_OK(
        SearchChannelScales(setup.run(), ScaleRule::kAwq, &block, &report));
    std::vector<double> found;
    for (const ChannelScaleReport& line : report.channel_scales) {
      found.push_back(line.alpha);
      found.push_back(line.error_after);
    }
    if (threads == 1) alphas = found;
    EXPECT_EQ(found, alphas);
  }
}

}  // namespace
}  // namespace ounce
