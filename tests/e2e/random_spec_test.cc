// Whatever spec passes CheckSpec() can be run: an artifact may hold any.  Under
// the sanitizers this finds reads of what is not there.
#include "tests/e2e/random_spec.h"

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
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

}  // namespace
}  // namespace ounce
