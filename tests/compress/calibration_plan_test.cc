#include "compress/calibration_plan.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/temp_folder.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGptq[] =
    "quantize: [{tensors: '*', codec: int4, method: gptq}]";

ModelSpec WideSpec(int64_t layers) {
  ModelSpec spec = TinySpec();
  spec.width = 512;
  spec.ffn = 1024;
  spec.layers = layers;
  return spec;
}

class PlanCalibrationTest : public ::testing::Test {
 protected:
  absl::StatusOr<CalibrationPlan> Make(const ModelSpec& spec,
                                       const std::string& yaml,
                                       const CalibrationNeeds& needs) {
    const TinyModel model(spec);
    const Recipe recipe = *ParseRecipe(yaml);
    plan_ = *MakePlan(model.bound(), recipe);
    return PlanCalibration(spec, plan_, recipe, needs, &context_);
  }

  Plan plan_;
  ThreadPool pool_{2};
  KernelContext context_{SupportedIsas().back(), &pool_};
};

TEST_F(PlanCalibrationTest, WithoutALimitNothingSpills) {
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan plan,
                       Make(WideSpec(2), kGptq, {100'000, 512, 0}));
  EXPECT_FALSE(plan.spill);
  EXPECT_EQ(plan.disk_bytes, plan_.bytes);
  // The activations, a layer of floats and a second moment at least.
  EXPECT_GT(plan.memory_bytes,
            100'000 * 512 * 4 + 3 * 512 * 1024 * 4 + 1024 * 1024 * 4);
  EXPECT_GE(plan.moment_bytes, 1024 * 1024 * 4);
  EXPECT_GT(plan.seconds, 0.0);
  EXPECT_LT(plan.seconds, 3600.0);
}

TEST_F(PlanCalibrationTest, ALimitThatIsKeptChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan free,
                       Make(WideSpec(2), kGptq, {100'000, 512, 0}));
  ASSERT_OK_AND_ASSIGN(
      const CalibrationPlan kept,
      Make(WideSpec(2), kGptq, {100'000, 512, free.memory_bytes}));
  EXPECT_FALSE(kept.spill);
  EXPECT_EQ(kept.memory_bytes, free.memory_bytes);
}

// The activations, 100,000 * 512 floats, go from memory to disk.
TEST_F(PlanCalibrationTest, ALowerLimitSendsActivationsToAFile) {
  constexpr int64_t kStream = int64_t{100'000} * 512 * 4;
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan free,
                       Make(WideSpec(2), kGptq, {100'000, 512, 0}));
  ASSERT_OK_AND_ASSIGN(
      const CalibrationPlan spilled,
      Make(WideSpec(2), kGptq, {100'000, 512, free.memory_bytes - 1}));
  EXPECT_TRUE(spilled.spill);
  EXPECT_EQ(spilled.memory_bytes, free.memory_bytes - kStream);
  EXPECT_EQ(spilled.disk_bytes, free.disk_bytes + kStream);
}

// The float model's activations are as many again, in memory or in a file; and
// a drift and a factor, as large as the moments, are held beside these.
TEST_F(PlanCalibrationTest, PropagatingErrorsTakesASecondStream) {
  constexpr int64_t kStream = int64_t{100'000} * 512 * 4;
  constexpr char kPropagating[] =
      "quantize: [{tensors: '*', codec: int4, method: gptq, "
      "error_propagation: 0.5}]";
  const CalibrationNeeds needs = {100'000, 512, 0};
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan plain,
                       Make(WideSpec(2), kGptq, needs));
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan both,
                       Make(WideSpec(2), kPropagating, needs));
  EXPECT_GE(both.memory_bytes - plain.memory_bytes,
            kStream + 2 * 1024 * 1024 * 4);
  EXPECT_LT(both.memory_bytes - plain.memory_bytes, 2 * kStream);
  EXPECT_EQ(both.disk_bytes, plain.disk_bytes);
  ASSERT_OK_AND_ASSIGN(
      const CalibrationPlan spilled,
      Make(WideSpec(2), kPropagating, {100'000, 512, both.memory_bytes - 1}));
  EXPECT_TRUE(spilled.spill);
  EXPECT_EQ(spilled.memory_bytes, both.memory_bytes - 2 * kStream);
  EXPECT_EQ(spilled.disk_bytes, plain.disk_bytes + 2 * kStream);
}

// Of a file of statistics nothing runs.
TEST_F(PlanCalibrationTest, StoredStatisticsTakeNoActivations) {
  CalibrationNeeds few = {1000, 64, 0, /*stored_statistics=*/true};
  CalibrationNeeds many = {100'000, 512, 0, /*stored_statistics=*/true};
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan a, Make(WideSpec(2), kGptq, few));
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan b, Make(WideSpec(2), kGptq, many));
  EXPECT_EQ(a.memory_bytes, b.memory_bytes);
  EXPECT_LT(a.memory_bytes,
            Make(WideSpec(2), kGptq, {100'000, 512, 0})->memory_bytes);
}

TEST_F(PlanCalibrationTest, SaysWhatWouldBeEnough) {
  ASSERT_OK_AND_ASSIGN(
      const CalibrationPlan least,
      Make(WideSpec(2), kGptq, {100'000, 512, int64_t{300} << 20}));
  ASSERT_TRUE(least.spill);
  EXPECT_THAT(Make(WideSpec(2), kGptq, {100'000, 512, least.memory_bytes - 1}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(absl::StrCat(least.memory_bytes)),
                             HasSubstr(absl::StrCat(least.memory_bytes - 1)),
                             HasSubstr("--max-ram"))));
  EXPECT_OK(Make(WideSpec(2), kGptq, {100'000, 512, least.memory_bytes}));
}

TEST_F(PlanCalibrationTest, MemoryGrowsWithOneLayerNotWithTheirNumber) {
  const auto memory = [&](const ModelSpec& spec, const std::string& yaml) {
    return Make(spec, yaml, {1000, 512, 0})->memory_bytes;
  };
  EXPECT_EQ(memory(WideSpec(8), kGptq), memory(WideSpec(2), kGptq));
  ModelSpec wider = WideSpec(2);
  wider.ffn = 2048;
  EXPECT_GT(memory(wider, kGptq),
            memory(WideSpec(2), kGptq) + 3 * 512 * 1024 * 4);
  // A search holds the block's outputs.
  EXPECT_GT(memory(WideSpec(2), absl::StrCat("channel_scales: [awq]\n", kGptq)),
            memory(WideSpec(2), kGptq));
}

// A search judges by 2048 tokens, or one window if that is longer.
TEST_F(PlanCalibrationTest, SearchesHoldALongWindow) {
  const auto search_bytes = [&](int64_t context) {
    const CalibrationNeeds needs = {10'000, context, 0};
    return Make(WideSpec(2), absl::StrCat("channel_scales: [awq]\n", kGptq),
                needs)
               ->memory_bytes -
           Make(WideSpec(2), kGptq, needs)->memory_bytes;
  };
  EXPECT_EQ(search_bytes(512), search_bytes(2048));
  EXPECT_EQ(search_bytes(4096) - search_bytes(2048), 2 * 2048 * 512 * 4);
}

// Of experts as many moments are held as fit.
TEST_F(PlanCalibrationTest, MomentsOfExpertsFillWhatIsLeft) {
  ModelSpec spec = WideSpec(1);
  spec.experts.experts = 4;
  spec.experts.per_token = 2;
  spec.experts.ffn = 256;
  ASSERT_OK_AND_ASSIGN(const CalibrationPlan free,
                       Make(spec, kGptq, {1000, 512, 0}));
  ASSERT_OK_AND_ASSIGN(
      const CalibrationPlan tight,
      Make(spec, kGptq, {1000, 512, free.memory_bytes - (int64_t{255} << 20)}));
  EXPECT_FALSE(tight.spill);
  EXPECT_LT(tight.moment_bytes, free.moment_bytes);
  EXPECT_LE(tight.memory_bytes, free.memory_bytes - (int64_t{255} << 20));
}

TEST_F(PlanCalibrationTest, RefusesModelsItDoesNotServe) {
  ModelSpec shared = TinySpec();
  shared.layer_groups = 1;
  EXPECT_THAT(Make(shared, kGptq, {100, 64, 0}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("layers share weights")));
  ModelSpec pair = TinySpec();
  pair.encoder = {2, 4, 8, 40, 0};
  EXPECT_THAT(Make(pair, kGptq, {100, 64, 0}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("an encoder and a decoder")));
}

TEST(CheckDiskSpaceTest, NamesTheFolderAndTheAmounts) {
  const TempFolder folder;
  EXPECT_OK(CheckDiskSpace(folder.Path("a.oz"), 1));
  EXPECT_OK(CheckDiskSpace("a.oz", 1));
  EXPECT_THAT(CheckDiskSpace(folder.Path("a.oz"), int64_t{1} << 62),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(folder.path()),
                             HasSubstr("4611686018427387904 are needed"))));
  EXPECT_THAT(CheckDiskSpace(folder.Path("none/a.oz"), 1),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

}  // namespace
}  // namespace ounce
