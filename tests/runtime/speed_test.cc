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

// A decoder of 2 layers as above that sees an encoder of 3 layers, 2 heads of 4
// and ffn 10.
TEST(CountWorkTest, TellsTheSourceFromWhatIsGenerated) {
  ModelSpec spec = TinySpec();
  spec.encoder = {.layers = 3, .heads = 2, .head_dim = 4, .ffn = 10};
  const TinyModel model(spec);
  const auto products = [](const std::array<OpWork, kNumOps>& work, Op op) {
    return work[static_cast<size_t>(op)].products;
  };
  const std::array<OpWork, kNumOps> work = CountWork(model.weights());
  // Queries of the source and what comes of them; its keys and values are
  // there already.
  EXPECT_EQ(products(work, Op::kQkv), 2 * (32 + 16 + 16 + 32) * 24);
  EXPECT_EQ(products(work, Op::kOutput), 2 * 2 * 24 * 32);
  EXPECT_EQ(products(work, Op::kHead), 50 * 24);
  const std::array<OpWork, kNumOps> source = CountSourceWork(model.weights());
  EXPECT_EQ(products(source, Op::kQkv), (3 * 3 * 8 + 2 * (16 + 16)) * 24);
  EXPECT_EQ(products(source, Op::kOutput), 3 * 24 * 8);
  EXPECT_EQ(products(source, Op::kGateUp), 3 * 2 * 10 * 24);
  EXPECT_EQ(products(source, Op::kDown), 3 * 24 * 10);
  EXPECT_EQ(products(source, Op::kHead), 0);
}

// Layers that share their weights are computed, and read, as often as they run.
TEST(CountWorkTest, CountsSharedLayersAsOftenAsTheyRun) {
  ModelSpec spec = TinySpec();
  spec.layers = 6;
  spec.layer_groups = 1;
  const TinyModel model(spec);
  EXPECT_EQ(CountWork(model.weights())[static_cast<size_t>(Op::kDown)].products,
            6 * 24 * 40);
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

// Every kind of head.
TEST_F(MeasureTest, TextsOfEncoders) {
  for (const HeadKind head :
       {HeadKind::kNone, HeadKind::kLanguageModel, HeadKind::kSequenceLabels,
        HeadKind::kTokenLabels}) {
    ModelSpec spec = TinySpec();
    spec.causal = false;
    spec.head = head;
    spec.tied_head = head == HeadKind::kLanguageModel;
    spec.transform.present = true;
    if (spec.has_labels()) spec.labels = {"a", "b"};
    const TinyModel model(spec, Codec::kInt8);
    Executor executor(model.weights(), &context_, 9, {3, KvType::kF32});
    ASSERT_OK_AND_ASSIGN(const SpeedRun run, MeasurePrompt(&executor, 0, 9, 2));
    EXPECT_EQ(run.tokens, 27);
    EXPECT_THAT(run.seconds, SizeIs(2));
    EXPECT_THAT(run.seconds, Each(Gt(0.0)));
  }
}

TEST_F(MeasureTest, SourcesAndWhatIsGeneratedForThem) {
  ModelSpec spec = TinySpec();
  spec.encoder = {.layers = 1, .heads = 2, .head_dim = 4, .ffn = 10};
  const TinyModel model(spec, Codec::kInt8);
  Executor encoder(*model.weights().encoder, &context_, 12, {2, KvType::kF32});
  Executor decoder(model.weights(), &context_, 5, {2, KvType::kF16});
  EXPECT_THAT(MeasureGeneration(&decoder, 0, 5, 1),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("no source text")));
  ASSERT_OK_AND_ASSIGN(const SpeedRun source,
                       MeasureEncoding(&encoder, &decoder, 12, 3));
  EXPECT_EQ(source.tokens, 24);
  EXPECT_THAT(source.seconds, SizeIs(3));
  ASSERT_OK_AND_ASSIGN(const SpeedRun generation,
                       MeasureGeneration(&decoder, 0, 5, 2));
  EXPECT_EQ(generation.tokens, 10);
  EXPECT_EQ(decoder.position(1), 5);
}

TEST_F(MeasureTest, RefusesMoreThanTheCapacity) {
  Executor executor(model_.weights(), &context_, 8);
  EXPECT_THAT(MeasurePrompt(&executor, 3, 6, 1),
              StatusIs(absl::StatusCode::kOutOfRange,
                       ::testing::HasSubstr("9 tokens in a context of 8")));
}

}  // namespace
}  // namespace ounce
