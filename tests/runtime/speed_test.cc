#include "runtime/speed.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::Gt;
using ::testing::SizeIs;

TEST(CountWorkTest, IsWorkedByHand) {
  // 2 layers, width 24, 4 heads and 2 kv heads of 8, ffn 40, vocabulary 50.
  const TinyModel model(TinySpec());
  const std::array<OpWork, kNumOps> work = CountWork(model.weights());
  const auto products = [&](Op op) {
    return work[static_cast<size_t>(op)].products;
  };
  EXPECT_EQ(products(Op::kQkv), 2 * (32 + 16 + 16) * 24);
  EXPECT_EQ(products(Op::kOutput), 2 * 24 * 32);
  EXPECT_EQ(products(Op::kGateUp), 2 * 2 * 40 * 24);
  EXPECT_EQ(products(Op::kDown), 2 * 24 * 40);
  EXPECT_EQ(products(Op::kHead), 50 * 24);
  EXPECT_EQ(products(Op::kAttention), 0);
  EXPECT_EQ(work[static_cast<size_t>(Op::kHead)].bytes, 50 * 24 * 4);
  EXPECT_EQ(work[static_cast<size_t>(Op::kHead)].codec, Codec::kF32);
}

TEST(CountWorkTest, CountsTheExpertsThatOneTokenTakes) {
  ModelSpec spec = TinySpec();
  spec.experts = {.experts = 5, .per_token = 2, .ffn = 16, .shared_ffn = 8};
  const TinyModel model(spec);
  const std::array<OpWork, kNumOps> work = CountWork(model.weights());
  const auto products = [&](Op op) {
    return work[static_cast<size_t>(op)].products;
  };
  EXPECT_EQ(products(Op::kRouter), 2 * 5 * 24);
  EXPECT_EQ(products(Op::kGateUp), 2 * 2 * (2 * 16 + 8) * 24);
  EXPECT_EQ(products(Op::kDown), 2 * 24 * (2 * 16 + 8));
}

TEST(KvBytesReadTest, IsWorkedByHand) {
  ModelSpec spec = TinySpec();
  // Eleven keys and values of 2 layers, 2 heads of 8.
  EXPECT_EQ(KvBytesRead(spec, KvType::kF16, 10), 2 * 2 * 11 * 2 * 8 * 2);
  EXPECT_EQ(KvBytesRead(spec, KvType::kInt8, 10), 2 * 2 * 11 * (2 * 8 + 8));
  spec.window = 4;
  EXPECT_EQ(KvBytesRead(spec, KvType::kF32, 10), 2 * 2 * 4 * 2 * 8 * 4);
  // One of the two layers sees all eleven.
  spec.layer_kinds = {{.windowed = true}, {.windowed = false}};
  EXPECT_EQ(KvBytesRead(spec, KvType::kF32, 10), 2 * (4 + 11) * 2 * 8 * 4);
}

TEST(SpeedRunTest, RatesAreOfMedianSlowestAndFastest) {
  SpeedRun run;
  run.tokens = 12;
  run.seconds = {4.0, 2.0, 3.0};
  EXPECT_EQ(run.median(), 4.0);
  EXPECT_EQ(run.slowest(), 3.0);
  EXPECT_EQ(run.fastest(), 6.0);
  run.seconds.push_back(5.0);
  EXPECT_EQ(run.median(), 12.0 / 3.5);
}

class MeasureTest : public ::testing::Test {
 protected:
  ThreadPool pool_{1};
  KernelContext context_{Isa::kReference, &pool_};
  const TinyModel model_{TinySpec(), Codec::kInt8};
};

TEST_F(MeasureTest, PromptsAndGeneration) {
  Executor executor(model_.weights(), &context_, 20, {2, KvType::kF16});
  ASSERT_OK_AND_ASSIGN(const SpeedRun prompt,
                       MeasurePrompt(&executor, /*depth=*/3, /*tokens=*/9, 4));
  EXPECT_EQ(prompt.tokens, 18);
  EXPECT_THAT(prompt.seconds, SizeIs(4));
  EXPECT_THAT(prompt.seconds, Each(Gt(0.0)));
  for (size_t i = 0; i < kNumOps; ++i) {
    // The model has no experts.
    EXPECT_EQ(prompt.op_times[i] > 0.0, i != static_cast<size_t>(Op::kRouter));
  }
  EXPECT_EQ(executor.position(0), 12);
  EXPECT_EQ(executor.position(1), 12);
  ASSERT_OK_AND_ASSIGN(const SpeedRun generation,
                       MeasureGeneration(&executor, 0, 5, 2));
  EXPECT_EQ(generation.tokens, 10);
  EXPECT_THAT(generation.seconds, SizeIs(2));
  EXPECT_EQ(executor.position(1), 5);
}

TEST_F(MeasureTest, RefusesMoreThanTheCapacity) {
  Executor executor(model_.weights(), &context_, 8);
  EXPECT_THAT(MeasurePrompt(&executor, 3, 6, 1),
              StatusIs(absl::StatusCode::kOutOfRange,
                       ::testing::HasSubstr("9 tokens in a context of 8")));
}

}  // namespace
}  // namespace ounce
