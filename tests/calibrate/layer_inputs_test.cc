#include "calibrate/layer_inputs.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calibrate/small_blocks.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

// Adds up what one matrix reads, in double.
class Sums : public ActivationObserver {
 public:
  explicit Sums(const uint8_t* data) : data_(data) {}

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      if (weight->data != data_) continue;
      const auto in = static_cast<size_t>(x.cols);
      mean_.resize(in);
      moment_.resize(in * in);
      for (int64_t t = 0; t < x.rows; ++t) {
        const double scale = relative_ ? scales_[static_cast<size_t>(t)] : 1.0;
        for (size_t i = 0; i < in; ++i) {
          mean_[i] += double{x.row(t)[i]};
          for (size_t j = 0; j < in; ++j) {
            moment_[i * in + j] +=
                scale * double{x.row(t)[i]} * double{x.row(t)[j]};
          }
        }
      }
      tokens_ += x.rows;
    }
    return true;
  }

  // What products that are added to `residual` weigh its tokens with: one over
  // the mean square of each.
  void BeginWindow(const Matrix& residual, bool relative) {
    relative_ = relative;
    scales_.clear();
    for (int64_t t = 0; t < residual.rows(); ++t) {
      double square = 0.0;
      for (int64_t c = 0; c < residual.cols(); ++c) {
        square += double{residual.row(t)[c]} * double{residual.row(t)[c]};
      }
      scales_.push_back(static_cast<double>(residual.cols()) / square);
    }
  }

  void ExpectAre(const InputStatistics& statistics) const {
    ASSERT_EQ(statistics.tokens, tokens_);
    ASSERT_EQ(statistics.mean.size(), mean_.size());
    const auto tokens = static_cast<double>(tokens_);
    for (size_t i = 0; i < mean_.size(); ++i) {
      EXPECT_NEAR(statistics.mean[i], mean_[i] / tokens, 1e-4);
    }
    for (size_t i = 0; i < moment_.size(); ++i) {
      EXPECT_NEAR(statistics.second_moment.values()[i], moment_[i] / tokens,
                  1e-3 + 1e-5 * std::abs(moment_[i] / tokens));
    }
  }

 private:
  const uint8_t* const data_;
  int64_t tokens_ = 0;
  bool relative_ = false;
  std::vector<double> scales_;
  std::vector<double> mean_, moment_;
};

void ExpectReads(SmallBlocks* blocks, const uint8_t* data,
                 const InputStatistics& statistics) {
  Sums sums(data);
  for (int64_t window = 0; window < blocks->inputs->windows(); ++window) {
    Matrix residual = blocks->Read(window);
    const LayerWeights& layer = *blocks->Run().layer;
    sums.BeginWindow(residual, data == layer.output.weight.data ||
                                   data == layer.ffn.down.weight.data);
    blocks->executor.RunLayer(layer, 0, &sums, &residual);
  }
  sums.ExpectAre(statistics);
}

TEST(CollectInputsTest, GivesTheStatisticsOfEachGroupInTheOrderAskedFor) {
  SmallBlocks blocks(TinySpec(), {9, 4, 12});
  const LayerWeights& layer = *blocks.Run().layer;
  const std::vector<SharedInput> wanted = {
      {layer.ffn.down.weight.data},
      {layer.query.weight.data, layer.key.weight.data, layer.value.weight.data},
      {layer.output.weight.data}};
  ASSERT_OK_AND_ASSIGN(const std::vector<InputStatistics> statistics,
                       CollectInputs(blocks.Run(), wanted, true));
  ASSERT_EQ(statistics.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(statistics[i].tokens, 25);
    ExpectReads(&blocks, wanted[i][0], statistics[i]);
  }
}

// One of several that share an input is enough to name it, whichever it is.
TEST(CollectInputsTest, FindsAnInputByAnyOfItsMatrices) {
  SmallBlocks blocks(TinySpec(), {9, 4});
  const LayerWeights& layer = *blocks.Run().layer;
  for (const LinearWeights* linear : {&layer.query, &layer.key, &layer.value}) {
    ASSERT_OK_AND_ASSIGN(
        const std::vector<InputStatistics> statistics,
        CollectInputs(blocks.Run(), {{linear->weight.data}}, true));
    ExpectReads(&blocks, layer.query.weight.data, statistics[0]);
  }
}

TEST(CollectInputsTest, GivesNoSecondMomentsUnlessAsked) {
  SmallBlocks blocks(TinySpec(), {9});
  ASSERT_OK_AND_ASSIGN(
      const std::vector<InputStatistics> statistics,
      CollectInputs(blocks.Run(), {{blocks.Run().layer->output.weight.data}},
                    false));
  EXPECT_EQ(statistics[0].tokens, 9);
  EXPECT_EQ(statistics[0].second_moment.rows(), 0);
}

// By the clocks of the steps that follow: they have not run.
TEST(CollectInputsTest, StopsWhenItHasSeenTheLast) {
  SmallBlocks blocks(TinySpec(), {9, 4});
  const LayerWeights& layer = *blocks.Run().layer;
  OpTimes times = {};
  blocks.executor.set_op_times(&times);
  const auto ran = [&times](Op op) {
    return times[static_cast<size_t>(op)] > 0;
  };
  ASSERT_OK(
      CollectInputs(blocks.Run(), {{layer.query.weight.data}}, true).status());
  EXPECT_FALSE(ran(Op::kQkv));
  ASSERT_OK(
      CollectInputs(blocks.Run(), {{layer.output.weight.data}}, true).status());
  EXPECT_TRUE(ran(Op::kAttention));
  EXPECT_FALSE(ran(Op::kOutput));
  ASSERT_OK(CollectInputs(
                blocks.Run(),
                {{layer.ffn.down.weight.data}, {layer.query.weight.data}}, true)
                .status());
  EXPECT_TRUE(ran(Op::kGateUp));
  EXPECT_FALSE(ran(Op::kDown));
}

TEST(CollectInputsTest, AnExpertThatNoTokenTakesHasNone) {
  ModelSpec spec = TinySpec();
  spec.experts = {.experts = 4, .per_token = 2, .ffn = 40};
  SmallBlocks blocks(spec, {9, 4});
  // All scores are equal: every token takes experts 0 and 1.
  blocks.Clear("model.layers.0.mlp.router.weight");
  std::vector<SharedInput> wanted;
  for (const FeedForwardWeights& expert :
       blocks.Run().layer->experts->experts) {
    wanted.push_back({expert.gate.weight.data, expert.up.weight.data});
    wanted.push_back({expert.down.weight.data});
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<InputStatistics> statistics,
                       CollectInputs(blocks.Run(), wanted, true));
  ASSERT_EQ(statistics.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(statistics[i].tokens, i < 4 ? 13 : 0) << i;
    if (i < 4) ExpectReads(&blocks, wanted[i][0], statistics[i]);
  }
}

TEST(CollectInputsTest, LeavesTheInputsAsTheyWere) {
  SmallBlocks blocks(TinySpec(), {9, 4});
  const Matrix before = blocks.Read(1);
  ASSERT_OK(CollectInputs(blocks.Run(),
                          {{blocks.Run().layer->ffn.up.weight.data}}, true)
                .status());
  EXPECT_THAT(blocks.Read(1).values(), ElementsAreArray(before.values()));
}

TEST(AdvanceLayerTest, WritesWhatTheLayerGivesInPlaceToo) {
  SmallBlocks blocks(TinySpec(), {9, 4, 1});
  const LayerWeights& layer = *blocks.Run().layer;
  std::vector<Matrix> expected;
  for (int64_t window = 0; window < 3; ++window) {
    expected.push_back(blocks.Output(window, layer));
  }
  ASSERT_OK_AND_ASSIGN(const auto other,
                       ActivationStore::Create({9, 4, 1}, 24, ""));
  ASSERT_OK(AdvanceLayer(blocks.Run(), other.get()));
  ASSERT_OK(AdvanceLayer(blocks.Run(), blocks.inputs.get()));
  for (int64_t window = 0; window < 3; ++window) {
    const auto values = expected[static_cast<size_t>(window)].values();
    Matrix out;
    ASSERT_OK(other->Read(window, &out));
    EXPECT_THAT(out.values(), ElementsAreArray(values));
    EXPECT_THAT(blocks.Read(window).values(), ElementsAreArray(values));
  }
}

}  // namespace
}  // namespace ounce
