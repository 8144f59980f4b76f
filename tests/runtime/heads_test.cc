#include "runtime/heads.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

TEST(PoolTest, FirstTokenOrTheMeanOfAllThatAreNoPadding) {
  const Matrix hidden(3, 2, {1, 2, 3, 4, 50, 60});
  const TextStates all = {hidden.view()};
  EXPECT_THAT(Pool(all, Pooling::kFirst), ElementsAre(1, 2));
  EXPECT_THAT(Pool(all, Pooling::kMean), ElementsAre(18, 22));
  const std::vector<uint8_t> mask = {0, 1, 0};
  EXPECT_THAT(Pool({hidden.view(), mask.data()}, Pooling::kMean),
              ElementsAre(3, 4));
  // Whatever hides it: a text begins with its first token.
  EXPECT_THAT(Pool({hidden.view(), mask.data()}, Pooling::kFirst),
              ElementsAre(1, 2));
  const std::vector<uint8_t> none = {0, 0, 0};
  EXPECT_THAT(Pool({hidden.view(), none.data()}, Pooling::kMean),
              ElementsAre(0, 0));
}

TEST(MakeUnitTest, DividesByTheLengthUnlessItIsZero) {
  std::vector<float> vector = {3, -4};
  MakeUnit(&vector);
  EXPECT_THAT(vector, ElementsAre(FloatEq(0.6f), FloatEq(-0.8f)));
  std::vector<float> zero = {0, 0};
  MakeUnit(&zero);
  EXPECT_THAT(zero, ElementsAre(0, 0));
  // Squares beyond the range of f32.
  std::vector<float> large = {3e30f, 4e30f};
  MakeUnit(&large);
  EXPECT_THAT(large, ElementsAre(FloatEq(0.6f), FloatEq(0.8f)));
}

class HeadsTest : public ::testing::Test {
 protected:
  using Rows = std::vector<std::vector<double>>;

  static ModelSpec Spec(HeadKind head) {
    ModelSpec spec = TinySpec();
    spec.causal = false;
    spec.head = head;
    spec.norm = NormKind::kLayer;
    spec.norm_bias = true;
    if (spec.has_labels()) spec.labels = {"a", "b", "c"};
    return spec;
  }
  static Rows Values(const TinyModel& model, const std::string& name) {
    Rows rows;
    for (const BoundTensor& tensor : model.bound().tensors) {
      if (tensor.slot.name != name) continue;
      const auto cols = static_cast<size_t>(tensor.matrix.cols);
      std::vector<float> values(cols);
      for (int64_t r = 0; r < tensor.matrix.rows; ++r) {
        ReadRows(tensor, r, r + 1, values.data());
        rows.emplace_back(values.begin(), values.end());
      }
    }
    return rows;
  }
  // A row through the matrix and bias called `name`.
  static std::vector<double> Linear(const TinyModel& model,
                                    const std::string& name,
                                    const std::vector<double>& x) {
    const Rows weight = Values(model, name + ".weight");
    const Rows bias = Values(model, name + ".bias");
    std::vector<double> out;
    for (size_t r = 0; r < weight.size(); ++r) {
      double sum = bias.empty() ? 0.0 : bias[0][r];
      for (size_t i = 0; i < x.size(); ++i) sum += weight[r][i] * x[i];
      out.push_back(sum);
    }
    return out;
  }
  static std::vector<double> LayerNorm(const TinyModel& model,
                                       const std::string& name,
                                       std::vector<double> x) {
    const auto n = static_cast<double>(x.size());
    double mean = 0, variance = 0;
    for (const double value : x) mean += value / n;
    for (const double value : x)
      variance += (value - mean) * (value - mean) / n;
    const Rows weight = Values(model, name + ".weight");
    const Rows bias = Values(model, name + ".bias");
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * weight[0][i] +
             bias[0][i];
    }
    return x;
  }
  static void ExpectNear(const float* actual,
                         const std::vector<double>& expected) {
    for (size_t i = 0; i < expected.size(); ++i) {
      // Sums of 24 products of f32.
      EXPECT_NEAR(double{actual[i]}, expected[i], 2e-5) << i;
    }
  }
  std::vector<double> HiddenRow(int64_t row) const {
    return {hidden_.row(row), hidden_.row(row) + hidden_.cols()};
  }

  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const Matrix hidden_ = [] {
    Matrix hidden(4, 24);
    const std::vector<float> values = Gaussian(5).Floats(96, 1.0);
    std::copy(values.begin(), values.end(), hidden.row(0));
    return hidden;
  }();
};

TEST_F(HeadsTest, PoolerIsTheTransformOfTheFirstToken) {
  ModelSpec spec = Spec(HeadKind::kNone);
  spec.transform.present = true;
  const TinyModel model(spec);
  Heads heads(model.weights(), &context_);
  const Matrix pooled = heads.Pooled({hidden_.view()});
  ASSERT_EQ(pooled.rows(), 1);
  std::vector<double> expected = Linear(model, "pooler", HiddenRow(0));
  for (double& value : expected) value = std::tanh(value);
  ExpectNear(pooled.row(0), expected);
}

TEST_F(HeadsTest, TextsAreClassifiedByTheirPooledState) {
  for (const bool transformed : {false, true}) {
    ModelSpec spec = Spec(HeadKind::kSequenceLabels);
    spec.pooling = Pooling::kMean;
    spec.transform = {.present = transformed,
                      .bias = false,
                      .norm = true,
                      .activation = ActivationKind::kRelu};
    const TinyModel model(spec);
    Heads heads(model.weights(), &context_);
    const std::vector<uint8_t> mask = {1, 0, 1, 0};
    const Matrix logits = heads.LabelLogits({hidden_.view(), mask.data()});
    ASSERT_EQ(logits.rows(), 1);
    ASSERT_EQ(logits.cols(), 3);
    std::vector<double> state = HiddenRow(0);
    for (size_t i = 0; i < 24; ++i) {
      state[i] = (state[i] + HiddenRow(2)[i]) / 2;
    }
    if (transformed) {
      state = Linear(model, "classifier_transform", state);
      for (double& value : state) value = std::max(value, 0.0);
      state = LayerNorm(model, "classifier_transform_norm", state);
    }
    ExpectNear(logits.row(0), Linear(model, "classifier", state));
  }
}

TEST_F(HeadsTest, TokensAreClassifiedEachByItself) {
  const TinyModel model(Spec(HeadKind::kTokenLabels));
  Heads heads(model.weights(), &context_);
  const Matrix logits = heads.LabelLogits({hidden_.view()});
  ASSERT_EQ(logits.rows(), 4);
  for (int64_t t = 0; t < 4; ++t) {
    ExpectNear(logits.row(t), Linear(model, "classifier", HiddenRow(t)));
  }
}

TEST_F(HeadsTest, VocabularyBehindANarrowTransform) {
  ModelSpec spec = Spec(HeadKind::kLanguageModel);
  spec.embedding_width = 10;
  spec.embedding_projected_last = true;
  spec.tied_head = true;
  spec.head_bias = true;
  spec.logit_scale = 0.5;
  spec.transform = {
      .present = true, .norm = true, .activation = ActivationKind::kTanh};
  const TinyModel model(spec);
  Heads heads(model.weights(), &context_);
  Matrix logits(4, spec.vocab);
  heads.Logits(hidden_.view(), logits.view());
  for (int64_t t = 0; t < 4; ++t) {
    std::vector<double> state =
        Linear(model, "lm_head_transform", HiddenRow(t));
    ASSERT_EQ(state.size(), 10u);
    for (double& value : state) value = std::tanh(value);
    state = LayerNorm(model, "lm_head_transform_norm", state);
    std::vector<double> expected = Linear(model, "model.embed_tokens", state);
    const Rows bias = Values(model, "lm_head.bias");
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] = 0.5 * (expected[i] + bias[0][i]);
    }
    ExpectNear(logits.row(t), expected);
  }
}

}  // namespace
}  // namespace ounce
