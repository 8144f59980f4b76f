// Models that run layer by layer, and what an observer sees of them.
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "core/packing/codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/activation_observer.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Data = std::vector<const uint8_t*>;

// Copies what it is shown, and says no from the `stop_at`th time on.
class Recorder : public ActivationObserver {
 public:
  explicit Recorder(size_t stop_at = 1000) : stop_at_(stop_at) {}

  bool Observe(absl::Span<const PackedMatrix* const> weights,
               MatrixView<const float> x) override {
    Data data;
    for (const PackedMatrix* weight : weights) data.push_back(weight->data);
    weights_.push_back(data);
    Matrix copy(x.rows, x.cols);
    for (int64_t t = 0; t < x.rows; ++t) {
      std::copy_n(x.row(t), x.cols, copy.row(t));
    }
    inputs_.push_back(std::move(copy));
    return inputs_.size() < stop_at_;
  }

  const std::vector<Data>& weights() const { return weights_; }
  const std::vector<Matrix>& inputs() const { return inputs_; }

 private:
  const size_t stop_at_;
  std::vector<Data> weights_;
  std::vector<Matrix> inputs_;
};

bool SameBits(const Matrix& a, const Matrix& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.values().data(), b.values().data(),
                     a.values().size() * sizeof(float)) == 0;
}

// y = W x in double, row by row.
std::vector<std::vector<double>> Multiply(const PackedMatrix& weight,
                                          const Matrix& x) {
  std::vector<float> w(static_cast<size_t>(weight.rows * weight.cols));
  GetCodecInfo(weight.codec).unpack_rows(weight, 0, weight.rows, w.data());
  std::vector<std::vector<double>> y;
  for (int64_t t = 0; t < x.rows(); ++t) {
    std::vector<double> row;
    for (int64_t o = 0; o < weight.rows; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < weight.cols; ++i) {
        sum += double{w[static_cast<size_t>(o * weight.cols + i)]} *
               double{x.row(t)[i]};
      }
      row.push_back(sum);
    }
    y.push_back(row);
  }
  return y;
}

class ExecutorLayerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kCapacity = 20;

  // Two texts, turn by turn, as they go through the blocks of a calibration.
  void ExpectEqualsForward(const std::function<void(ModelSpec*)>& change,
                           Codec codec = Codec::kF32) {
    ModelSpec spec = TinySpec();
    change(&spec);
    ASSERT_OK(CheckSpec(spec));
    const TinyModel model(spec, codec);
    Executor whole(model.weights(), &context_, kCapacity);
    Executor layered(model.weights(), &context_, kCapacity);
    std::vector<Matrix> residuals(kTexts.size());
    for (size_t i = 0; i < kTexts.size(); ++i) {
      ASSERT_OK(layered.EmbedText(kTexts[i], &residuals[i]));
    }
    for (int64_t layer = 0; layer < spec.layers; ++layer) {
      const LayerWeights& weights =
          model.weights().layers[static_cast<size_t>(spec.stored_layer(layer))];
      for (Matrix& residual : residuals) {
        EXPECT_TRUE(layered.RunLayer(weights, layer, nullptr, &residual));
      }
    }
    for (size_t i = 0; i < kTexts.size(); ++i) {
      layered.NormalizeFinal(residuals[i].view(), residuals[i].view());
      Matrix hidden;
      whole.Reset();
      ASSERT_OK(whole.Forward(kTexts[i], &hidden));
      EXPECT_TRUE(SameBits(hidden, residuals[i])) << "text " << i;
    }
  }

  Matrix Embedded(Executor* executor) {
    Matrix residual;
    EXPECT_OK(executor->EmbedText(kTexts[0], &residual));
    return residual;
  }

  const std::vector<std::vector<int32_t>> kTexts = {
      {7, 0, 49, 7, 13, 28, 5, 5, 41, 30, 2, 19}, {33, 8, 46}};
  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

TEST_F(ExecutorLayerTest, ADecoderLayerByLayerEqualsForward) {
  for (const Codec codec :
       {Codec::kF32, Codec::kBF16, Codec::kInt8, Codec::kInt4Progressive}) {
    ExpectEqualsForward([](ModelSpec*) {}, codec);
  }
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->window = 3;
    spec->qk_norm = QkNorm::kHead;
    spec->norm_placement = NormPlacement::kInputAndOutput;
    spec->embedding_scale = 3.0;
    spec->attention_soft_cap = 5.0;
  });
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->residual = ResidualOrder::kParallelShared;
    spec->position = PositionKind::kAlibi;
  });
}

TEST_F(ExecutorLayerTest, EachLayerHasItsOwnKindAndNumber) {
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->layers = 4;
    spec->window = 2;
    spec->attention_scale_by_layer = true;
    spec->layer_kinds = {{.windowed = true},
                         {.windowed = false, .rotary = LayerRotary::kNone},
                         {.windowed = true, .rotary = LayerRotary::kLocal},
                         {.windowed = false}};
  });
}

TEST_F(ExecutorLayerTest, LayersThatShareWeightsRunOneByOne) {
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->layers = 4;
    spec->layer_groups = 2;
  });
}

TEST_F(ExecutorLayerTest, AnOlderDecoderLayerByLayerEqualsForward) {
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->norm = NormKind::kLayer;
    spec->norm_bias = spec->qkv_bias = spec->output_bias = true;
    spec->ffn_bias = true;
    spec->gated_ffn = false;
    spec->position = PositionKind::kLearned;
    spec->tied_head = true;
  });
}

TEST_F(ExecutorLayerTest, AnEncoderLayerByLayerEqualsForward) {
  ExpectEqualsForward([](ModelSpec* spec) {
    spec->causal = false;
    spec->head = HeadKind::kNone;
    spec->norm = NormKind::kLayer;
    spec->norm_bias = spec->qkv_bias = spec->output_bias = true;
    spec->ffn_bias = spec->embedding_norm = true;
    spec->norm_placement = NormPlacement::kSum;
    spec->final_norm = spec->gated_ffn = false;
    spec->position = PositionKind::kLearned;
    spec->token_types = 2;
  });
}

TEST_F(ExecutorLayerTest, ExpertsLayerByLayerEqualForward) {
  for (const Codec codec : {Codec::kF32, Codec::kInt8}) {
    ExpectEqualsForward(
        [](ModelSpec* spec) {
          spec->experts = {
              .experts = 6, .per_token = 2, .ffn = 40, .shared_ffn = 8};
        },
        codec);
  }
}

TEST_F(ExecutorLayerTest, EmbedTextRefusesAnIdThatTheModelHasNot) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, kCapacity);
  Matrix residual;
  EXPECT_THAT(executor.EmbedText({3, 50}, &residual),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("token id 50 is outside")));
}

TEST_F(ExecutorLayerTest, EmbedTextGivesRowsOfTheTable) {
  TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, kCapacity);
  Matrix residual;
  ASSERT_OK(executor.EmbedText({3, 49}, &residual));
  const auto* table = reinterpret_cast<const float*>(
      model.source().Find("model.embed_tokens.weight")->bytes.data());
  for (int64_t c = 0; c < 24; ++c) {
    EXPECT_EQ(residual.row(0)[c], table[3 * 24 + c]);
    EXPECT_EQ(residual.row(1)[c], table[49 * 24 + c]);
  }
}

TEST_F(ExecutorLayerTest, TheObserverSeesTheInputsOfALayerInOrder) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, kCapacity);
  const LayerWeights& layer = model.weights().layers[1];
  Matrix residual = Embedded(&executor);
  Recorder seen;
  EXPECT_TRUE(executor.RunLayer(layer, 1, &seen, &residual));
  EXPECT_THAT(
      seen.weights(),
      ElementsAre(Data{layer.query.weight.data, layer.key.weight.data,
                       layer.value.weight.data},
                  Data{layer.output.weight.data},
                  Data{layer.ffn.gate.weight.data, layer.ffn.up.weight.data},
                  Data{layer.ffn.down.weight.data}));
  std::vector<int64_t> widths;
  for (const Matrix& x : seen.inputs()) {
    EXPECT_EQ(x.rows(), 12);
    widths.push_back(x.cols());
  }
  EXPECT_THAT(widths, ElementsAre(24, 32, 24, 40));
  // Only while a layer is observed.
  ASSERT_TRUE(executor.RunLayer(layer, 1, nullptr, &residual));
  Matrix hidden;
  ASSERT_OK(executor.Forward(kTexts[0], &hidden));
  EXPECT_EQ(seen.inputs().size(), 4u);
}

// The formulas of a Llama block, each step from the inputs that were seen: the
// norm, silu(gate) * up, and the residual that grows by both products.
TEST_F(ExecutorLayerTest, WhatIsSeenIsWhatTheProductsRead) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, kCapacity);
  const LayerWeights& layer = model.weights().layers[0];
  const Matrix before = Embedded(&executor);
  Matrix after = before;
  Recorder seen;
  ASSERT_TRUE(executor.RunLayer(layer, 0, &seen, &after));
  ASSERT_EQ(seen.inputs().size(), 4u);
  const auto attention = Multiply(layer.output.weight, seen.inputs()[1]);
  const auto gate = Multiply(layer.ffn.gate.weight, seen.inputs()[2]);
  const auto up = Multiply(layer.ffn.up.weight, seen.inputs()[2]);
  const auto down = Multiply(layer.ffn.down.weight, seen.inputs()[3]);
  for (int64_t t = 0; t < 12; ++t) {
    const auto i = static_cast<size_t>(t);
    double square = 0;
    double middle_square = 0;
    for (int64_t c = 0; c < 24; ++c) {
      square += std::pow(before.row(t)[c], 2) / 24;
      middle_square +=
          std::pow(before.row(t)[c] + attention[i][static_cast<size_t>(c)], 2) /
          24;
    }
    for (int64_t c = 0; c < 24; ++c) {
      const auto k = static_cast<size_t>(c);
      const double x = before.row(t)[c];
      const double middle = x + attention[i][k];
      EXPECT_NEAR(
          seen.inputs()[0].row(t)[c],
          x / std::sqrt(square + 1e-6) * double{layer.attention_norm.weight[k]},
          1e-4);
      EXPECT_NEAR(seen.inputs()[2].row(t)[c],
                  middle / std::sqrt(middle_square + 1e-6) *
                      double{layer.ffn_norm.weight[k]},
                  1e-4);
      EXPECT_NEAR(after.row(t)[c], middle + down[i][k], 1e-3);
    }
    for (int64_t c = 0; c < 40; ++c) {
      const auto k = static_cast<size_t>(c);
      EXPECT_NEAR(seen.inputs()[3].row(t)[c],
                  gate[i][k] / (1.0 + std::exp(-gate[i][k])) * up[i][k], 1e-3);
    }
  }
}

TEST_F(ExecutorLayerTest, StopsWhereTheObserverSaysNo) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, kCapacity);
  const LayerWeights& layer = model.weights().layers[0];
  const Matrix before = Embedded(&executor);
  Matrix complete = before;
  Recorder all;
  ASSERT_TRUE(executor.RunLayer(layer, 0, &all, &complete));
  for (const size_t stop_at : {1u, 2u, 3u, 4u}) {
    Recorder some(stop_at);
    Matrix residual = before;
    EXPECT_FALSE(executor.RunLayer(layer, 0, &some, &residual));
    ASSERT_EQ(some.inputs().size(), stop_at);
    EXPECT_TRUE(SameBits(some.inputs().back(), all.inputs()[stop_at - 1]));
    // Nothing of it is left.
    residual = before;
    EXPECT_TRUE(executor.RunLayer(layer, 0, nullptr, &residual));
    EXPECT_TRUE(SameBits(residual, complete));
  }
}

TEST_F(ExecutorLayerTest, ExpertsShowTheirTokensAndCannotBeStopped) {
  ModelSpec spec = TinySpec();
  spec.experts = {.experts = 6, .per_token = 2, .ffn = 40, .shared_ffn = 8};
  const TinyModel model(spec);
  Executor executor(model.weights(), &context_, kCapacity);
  const LayerWeights& layer = model.weights().layers[0];
  const Matrix before = Embedded(&executor);
  Matrix expected = before;
  ASSERT_TRUE(executor.RunLayer(layer, 0, nullptr, &expected));
  Matrix residual = before;
  Recorder seen(3);  // From the first expert on.
  EXPECT_TRUE(executor.RunLayer(layer, 0, &seen, &residual));
  EXPECT_TRUE(SameBits(residual, expected));

  const ExpertWeights& experts = *layer.experts;
  int64_t expert_tokens = 0;
  for (size_t i = 2; i < seen.inputs().size(); i += 2) {
    const Data& data = seen.weights()[i];
    ASSERT_EQ(data.size(), 2u);
    const int64_t rows = seen.inputs()[i].rows();
    // Down follows gate and up of the same expert, with the same tokens.
    EXPECT_EQ(seen.inputs()[i + 1].rows(), rows);
    if (data[0] == experts.shared.gate.weight.data) {
      EXPECT_EQ(rows, 12);
      EXPECT_EQ(seen.weights()[i + 1], Data{experts.shared.down.weight.data});
      continue;
    }
    EXPECT_GT(rows, 0);
    expert_tokens += rows;
  }
  EXPECT_EQ(expert_tokens, 12 * 2);
}

}  // namespace
}  // namespace ounce
