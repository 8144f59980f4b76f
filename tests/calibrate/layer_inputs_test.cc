#include "calibrate/layer_inputs.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calibrate/small_blocks.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

// 1 / root mean square of each token, in double.
std::vector<double> InverseSizes(const Matrix& rows) {
  std::vector<double> inverse;
  for (int64_t t = 0; t < rows.rows(); ++t) {
    double square = 0;
    for (int64_t c = 0; c < rows.cols(); ++c) {
      square += double{rows.row(t)[c]} * double{rows.row(t)[c]};
    }
    inverse.push_back(1.0 /
                      std::sqrt(square / static_cast<double>(rows.cols())));
  }
  return inverse;
}

// Adds up what one matrix reads, in double.
class Sums : public ActivationObserver {
 public:
  explicit Sums(const uint8_t* data) : data_(data) {}

  // What the second moments take each token of the next window times; empty: 1.
  void SetScales(std::vector<double> scales) { scales_ = std::move(scales); }

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      if (weight->data != data_) continue;
      const auto in = static_cast<size_t>(x.cols);
      mean_.resize(in);
      moment_.resize(in * in);
      for (int64_t t = 0; t < x.rows; ++t) {
        const double scale =
            scales_.empty() ? 1.0 : scales_[static_cast<size_t>(t)];
        for (size_t i = 0; i < in; ++i) {
          mean_[i] += double{x.row(t)[i]};
          for (size_t j = 0; j < in; ++j) {
            moment_[i * in + j] +=
                scale * double{x.row(t)[i]} * scale * double{x.row(t)[j]};
          }
        }
      }
      tokens_ += x.rows;
    }
    return true;
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
  std::vector<double> scales_, mean_, moment_;
};

// `relative`: its product is added to the residual, whose size counts.
void ExpectReads(SmallBlocks* blocks, const uint8_t* data,
                 const InputStatistics& statistics, bool relative = false) {
  Sums sums(data);
  for (int64_t window = 0; window < blocks->inputs->windows(); ++window) {
    Matrix residual = blocks->Read(window);
    if (relative) sums.SetScales(InverseSizes(residual));
    blocks->executor.RunLayer(*blocks->Run().layer, 0, &sums, &residual);
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
    ExpectReads(&blocks, wanted[i][0], statistics[i], /*relative=*/i != 1);
  }
}

// A norm behind the product evens the sizes out.
TEST(CollectInputsTest, NormedProductsTakeTokensAsTheyAre) {
  ModelSpec spec = TinySpec();
  spec.norm_placement = NormPlacement::kOutput;
  SmallBlocks blocks(spec, {9, 4});
  const LayerWeights& layer = *blocks.Run().layer;
  for (const LinearWeights* linear : {&layer.output, &layer.ffn.down}) {
    ASSERT_OK_AND_ASSIGN(
        const std::vector<InputStatistics> statistics,
        CollectInputs(blocks.Run(), {{linear->weight.data}}, true));
    ExpectReads(&blocks, linear->weight.data, statistics[0]);
  }
}

// Keeps what one matrix reads.
class Inputs : public ActivationObserver {
 public:
  explicit Inputs(const uint8_t* data) : data_(data) {}
  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    for (const PackedMatrix* weight : weights) {
      if (weight->data != data_) continue;
      rows = Matrix(x.rows, x.cols);
      for (int64_t t = 0; t < x.rows; ++t) {
        std::copy_n(x.row(t), x.cols, rows.row(t));
      }
    }
    return true;
  }
  Matrix rows;

 private:
  const uint8_t* const data_;
};

// The float model is given other inputs, and a block of its own: mean of
// (y - x) x^T, of tokens over the size of the residual where that counts.
TEST(CollectInputsTest, DriftsAreThoseOfTwoPlainRuns) {
  SmallBlocks blocks(TinySpec(), {9, 4});
  SmallBlocks other(TinySpec(), {4, 9});
  ASSERT_OK_AND_ASSIGN(const auto float_inputs,
                       ActivationStore::Create({9, 4}, 24, ""));
  for (const int64_t window : {0, 1}) {
    ASSERT_OK(float_inputs->Write(
        window, other.Output(1 - window, *other.Run(1).layer).view()));
  }
  const LayerWeights& layer = *blocks.Run().layer;
  LayerRun run = blocks.Run();
  run.float_layer = &layer;
  run.float_inputs = float_inputs.get();
  for (const LinearWeights* linear : {&layer.query, &layer.ffn.down}) {
    const uint8_t* const data = linear->weight.data;
    ASSERT_OK_AND_ASSIGN(const std::vector<InputStatistics> statistics,
                         CollectInputs(run, {{data}}, true));
    ExpectReads(&blocks, data, statistics[0], linear == &layer.ffn.down);
    const int64_t in = linear->weight.cols;
    std::vector<double> drift(static_cast<size_t>(in * in));
    for (const int64_t window : {0, 1}) {
      Matrix residual = blocks.Read(window);
      std::vector<double> scales = InverseSizes(residual);
      if (linear == &layer.query) scales.assign(scales.size(), 1.0);
      Inputs own(data), floats(data);
      blocks.executor.RunLayer(layer, 0, &own, &residual);
      ASSERT_OK(float_inputs->Read(window, &residual));
      blocks.executor.RunLayer(layer, 0, &floats, &residual);
      for (int64_t t = 0; t < own.rows.rows(); ++t) {
        const double square = std::pow(scales[static_cast<size_t>(t)], 2);
        for (int64_t i = 0; i < in; ++i) {
          for (int64_t j = 0; j < in; ++j) {
            drift[static_cast<size_t>(i * in + j)] +=
                square * double{floats.rows.row(t)[i] - own.rows.row(t)[i]} *
                double{own.rows.row(t)[j]} / 13.0;
          }
        }
      }
    }
    ASSERT_EQ(statistics[0].drift.rows(), in);
    for (size_t i = 0; i < drift.size(); ++i) {
      EXPECT_NEAR(statistics[0].drift.values()[i], drift[i],
                  1e-3 + 1e-5 * std::abs(drift[i]));
    }
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

// The statistics of CollectInputs(), the outputs of AdvanceLayer().
TEST(CollectAndAdvanceTest, DoesBothInOneRunInPlaceToo) {
  SmallBlocks blocks(TinySpec(), {9, 4});
  const LayerWeights& layer = *blocks.Run().layer;
  const std::vector<SharedInput> wanted = {{layer.query.weight.data},
                                           {layer.output.weight.data}};
  const std::vector<Matrix> expected = {blocks.Output(0, layer),
                                        blocks.Output(1, layer)};
  ASSERT_OK_AND_ASSIGN(const std::vector<InputStatistics> alone,
                       CollectInputs(blocks.Run(), wanted, true));
  ASSERT_OK_AND_ASSIGN(
      const std::vector<InputStatistics> both,
      CollectAndAdvance(blocks.Run(), wanted, true, blocks.inputs.get()));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(both[i].tokens, 13);
    EXPECT_THAT(both[i].second_moment.values(),
                ElementsAreArray(alone[i].second_moment.values()));
  }
  for (const int64_t window : {0, 1}) {
    EXPECT_THAT(
        blocks.Read(window).values(),
        ElementsAreArray(expected[static_cast<size_t>(window)].values()));
  }
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
