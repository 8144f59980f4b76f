// A model whose channels are scaled wherever model/scale_fold.h says that they
// can be computes what it did.
#include "model/scale_fold.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "model/arch/registry.h"
#include "tests/e2e/random_spec.h"
#include "tests/util/golden_checkpoint.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using Scales = std::function<float()>;

class ScaleFoldTest : public ::testing::Test {
 protected:
  std::vector<RawOutput> Outputs(const TinyModel& model,
                                 const RawInputs& inputs) {
    return *ComputeRawOutputs(inputs, model.weights(), &context_);
  }

  // The f32 tensor `name` as [rows, size / rows].
  static MatrixView<float> View(TinyModel* model, const std::string& name,
                                int64_t rows) {
    const StoredTensor* tensor = model->source().Find(name);
    EXPECT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->codec, Codec::kF32);
    const auto size = static_cast<int64_t>(tensor->bytes.size() / 4);
    auto* data = reinterpret_cast<float*>(model->source().MutableBytes(name));
    return {data, rows, size / rows};
  }
  static void ScaleProducers(const ScaleFold& fold,
                             const std::vector<float>& scales,
                             TinyModel* model) {
    const std::vector<float> divisors = ProducerScales(fold, scales);
    for (const ScaleProducer& producer : fold.producers) {
      const bool matrix = producer.role == TensorRole::kMatrix;
      const MatrixView<float> values =
          View(model, producer.tensor, matrix ? fold.channels : 1);
      if (matrix) {
        DivideRows(divisors, values);
      } else {
        DivideVector(divisors, producer.offset,
                     {values.data, static_cast<size_t>(values.cols)});
      }
    }
  }
  static void ScaleConsumers(const ScaleFold& fold,
                             const std::vector<float>& scales,
                             TinyModel* model) {
    const std::vector<float> factors = ConsumerScales(fold, scales);
    for (const ScaleConsumer& consumer : fold.consumers) {
      const StoredTensor* tensor = model->source().Find(consumer.tensor);
      ASSERT_NE(tensor, nullptr) << consumer.tensor;
      MultiplyColumns(factors, View(model, consumer.tensor, tensor->shape[0]));
    }
  }
  // Every fold that there is, by scales of its own.
  static void ScaleAll(const Scales& next, TinyModel* model) {
    for (const ScaleFold& fold : AllScaleFolds(model->spec())) {
      std::vector<float> scales;
      for (int64_t c = 0; c < fold.channels; ++c) scales.push_back(next());
      ScaleProducers(fold, scales, model);
      ScaleConsumers(fold, scales, model);
    }
    model->Bind();
  }

  // The largest difference, as a share of the output's largest value.
  static double Distance(const std::vector<RawOutput>& a,
                         const std::vector<RawOutput>& b) {
    double distance = 0.0;
    EXPECT_EQ(a.size(), b.size());
    for (size_t o = 0; o < a.size(); ++o) {
      double largest = 0.0, error = 0.0;
      for (size_t i = 0; i < a[o].values.size(); ++i) {
        const double value = a[o].values[i];
        largest = std::max(largest, std::abs(value));
        error = std::max(error, std::abs(value - double{b[o].values[i]}));
      }
      EXPECT_GT(largest, 0.0);
      distance = std::max(distance, error / largest);
    }
    return distance;
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
};

// Multiplying and dividing by powers of 2 is exact, and so is the root of 4^n:
// the outputs keep their bits, whatever the spec.  An offset of norms alone
// would be rounded.
TEST_F(ScaleFoldTest, PowersOfTwoKeepEveryBitOfAnySpec) {
  SpecMaker maker(7);
  std::map<ScaleFoldKind, int> folds;
  int specs = 0;
  for (int i = 0; i < 6000; ++i) {
    SCOPED_TRACE(i);
    ModelSpec spec = maker.Make();
    spec.norm_offset = 0.0;
    if (!CheckSpec(spec).ok()) continue;
    ++specs;
    for (const ScaleFold& fold : AllScaleFolds(spec)) ++folds[fold.kind];
    TinyModel model(spec);
    const RawInputs inputs = Inputs(spec, &maker);
    const std::vector<RawOutput> before = Outputs(model, inputs);
    ScaleAll(
        [&] {
          return std::ldexp(1.0f, 2 * static_cast<int>(maker.Number(-3, 3)));
        },
        &model);
    const std::vector<RawOutput> after = Outputs(model, inputs);
    ASSERT_EQ(before.size(), after.size());
    for (size_t o = 0; o < before.size(); ++o) {
      // As bytes: texts that are padding alone may give NaN.
      ASSERT_EQ(std::memcmp(before[o].values.data(), after[o].values.data(),
                            before[o].values.size() * sizeof(float)),
                0)
          << before[o].name;
    }
  }
  EXPECT_GT(specs, 500);
  EXPECT_GT(folds[ScaleFoldKind::kNorm], 500);
  EXPECT_GT(folds[ScaleFoldKind::kValue], 500);
  EXPECT_GT(folds[ScaleFoldKind::kHidden], 500);
}

class ScaleFoldFamilyTest : public ScaleFoldTest,
                            public ::testing::WithParamInterface<const char*> {
 protected:
  // The reference's config of the family, on random weights.
  ModelSpec Spec() const {
    const Json config =
        *ParseJson(ReadGoldenFile(std::string(GetParam()) + "/config.json"));
    return *ParseModelConfig(config, nullptr);
  }
  static RawInputs Ids(const ModelSpec& spec) {
    RawInputs inputs;
    inputs.ids = {1, 12, {}};
    for (int32_t i = 0; i < 12; ++i) {
      inputs.ids.values.push_back(static_cast<int32_t>(
          (7 * i + 3) % std::min<int64_t>(spec.vocab, 60)));
    }
    if (spec.has_encoder()) inputs.decoder_ids = inputs.ids;
    return inputs;
  }
};

// 0.2 to 5, by magnitude.
Scales AnyScales(Random* random) {
  return [random] {
    return static_cast<float>(0.2 * std::pow(25.0, random->NextDouble()));
  };
}

// Sums of other products round otherwise: some 1e-7 each, grown through the
// layers; 1e-4 of the largest output leaves room.
TEST_P(ScaleFoldFamilyTest, AnyScalesKeepTheOutputs) {
  const ModelSpec spec = Spec();
  TinyModel model(spec);
  const std::vector<RawOutput> before = Outputs(model, Ids(spec));
  Random random(3);
  ScaleAll(AnyScales(&random), &model);
  EXPECT_LT(Distance(before, Outputs(model, Ids(spec))), 1e-4);
}

// So the test above can fail: what reads the channels sees their scales.
TEST_P(ScaleFoldFamilyTest, ConsumersAloneChangeThem) {
  const ModelSpec spec = Spec();
  for (const ScaleFold& fold : AllScaleFolds(spec)) {
    // Of experts not every one is asked.
    if (spec.experts.experts > 0 && fold.kind == ScaleFoldKind::kHidden) {
      continue;
    }
    TinyModel model(spec);
    const std::vector<RawOutput> before = Outputs(model, Ids(spec));
    Random random(3);
    const Scales next = AnyScales(&random);
    std::vector<float> scales;
    for (int64_t c = 0; c < fold.channels; ++c) scales.push_back(next());
    ScaleConsumers(fold, scales, &model);
    model.Bind();
    EXPECT_GT(Distance(before, Outputs(model, Ids(spec))), 1e-4) << fold.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, ScaleFoldFamilyTest,
                         ::testing::Values("llama-gqa", "llama3-scaled-tied",
                                           "mistral-window", "qwen2", "qwen3",
                                           "phi3", "gemma2", "gpt2", "opt",
                                           "gpt-neox", "bloom-alibi",
                                           "mixtral-moe", "bert", "roberta",
                                           "distilbert-classifier",
                                           "marian-sinusoidal", "t5-gated"),
                         [](const ::testing::TestParamInfo<const char*>& test) {
                           std::string name;
                           for (const char c : std::string(test.param)) {
                             if (c != '-') name += c;
                           }
                           return name;
                         });

}  // namespace
}  // namespace ounce
