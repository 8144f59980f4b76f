// Whatever spec passes CheckSpec() can be run: an artifact may hold any.  Under
// the sanitizers this finds reads of what is not there.
#include "tests/e2e/random_spec.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/thread_pool.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "tools/raw_outputs.h"

namespace ounce {
namespace {

TEST(RandomSpecTest, WhatPassesTheCheckRuns) {
  ThreadPool pool(2);
  KernelContext context(*ParseIsa("native"), &pool);
  SpecMaker maker(1);
  int encoders = 0, sequences = 0, decoders = 0;
  for (int i = 0; i < 30000; ++i) {
    SCOPED_TRACE(i);
    const ModelSpec spec = maker.Make();
    if (!CheckSpec(spec).ok()) continue;
    ++(spec.has_encoder() ? sequences : spec.causal ? decoders : encoders);
    const TinyModel model(spec, maker.Coin() ? Codec::kF32 : Codec::kInt8);
    const RawInputs inputs = Inputs(spec, &maker);
    ASSERT_OK_AND_ASSIGN(const std::vector<RawOutput> outputs,
                         ComputeRawOutputs(inputs, model.weights(), &context));
    EXPECT_FALSE(outputs.empty());
    for (const RawOutput& output : outputs) {
      int64_t size = 1;
      for (const int64_t dimension : output.shape) size *= dimension;
      EXPECT_EQ(size, static_cast<int64_t>(output.values.size()));
    }
  }
  // All kinds were among them.
  EXPECT_GT(encoders, 200);
  EXPECT_GT(decoders, 200);
  EXPECT_GT(sequences, 200);
}

// For calibration, a text goes through the layers one by one.
TEST(RandomSpecTest, LayerByLayerGivesTheBitsOfTheWhole) {
  ThreadPool pool(2);
  KernelContext context(*ParseIsa("native"), &pool);
  SpecMaker maker(2);
  int encoders = 0, decoders = 0;
  for (int i = 0; i < 20000; ++i) {
    SCOPED_TRACE(i);
    const ModelSpec spec = maker.Make();
    if (!CheckSpec(spec).ok() || spec.has_encoder()) continue;
    ++(spec.causal ? decoders : encoders);
    const TinyModel model(spec, maker.Coin() ? Codec::kF32 : Codec::kInt8);
    std::vector<int32_t> ids(5);
    for (int32_t& id : ids) id = static_cast<int32_t>(maker.Number(0, 10));
    Matrix expected, residual;
    Executor whole(model.weights(), &context, 5);
    ASSERT_OK(whole.Forward(ids, &expected));
    Executor executor(model.weights(), &context, maker.Number(5, 9));
    ASSERT_OK(executor.EmbedText(ids, &residual));
    for (int64_t layer = 0; layer < spec.layers; ++layer) {
      const auto stored = static_cast<size_t>(spec.stored_layer(layer));
      ASSERT_TRUE(executor.RunLayer(model.weights().layers[stored], layer,
                                    nullptr, &residual));
    }
    executor.NormalizeFinal(residual.view(), residual.view());
    ASSERT_EQ(residual.values().size(), expected.values().size());
    EXPECT_EQ(std::memcmp(residual.values().data(), expected.values().data(),
                          expected.values().size() * sizeof(float)),
              0);
  }
  EXPECT_GT(encoders, 200);
  EXPECT_GT(decoders, 200);
}

}  // namespace
}  // namespace ounce
