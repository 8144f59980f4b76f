#include "runtime/generate.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<int32_t> kPrompt = {3, 14, 15};

class GenerateTest : public ::testing::Test {
 protected:
  // What the loop should do, written out: whole sequence, last logits, sampler.
  std::vector<int32_t> Expected(const SamplerOptions& options, size_t tokens) {
    const TinyModel model(TinySpec());
    Sampler sampler(options);
    std::vector<int32_t> ids = kPrompt;
    while (ids.size() < kPrompt.size() + tokens) {
      Executor executor(model.weights(), &context_, 64);
      Matrix hidden;
      EXPECT_OK(executor.Forward(ids, &hidden));
      Matrix logits(1, model.spec().vocab);
      executor.Logits(hidden.view().Rows(hidden.rows() - 1, hidden.rows()),
                      logits.view());
      ids.push_back(*sampler.Sample(logits.values(), ids));
    }
    return {ids.begin() + static_cast<int64_t>(kPrompt.size()), ids.end()};
  }

  // Generates into ids_ with a context of `capacity`.
  absl::StatusOr<GenerateResult> Run(const TinyModel& model, int64_t capacity,
                                     const GenerateOptions& options) {
    ids_.clear();
    Executor executor(model.weights(), &context_, capacity);
    return Generate(&executor, kPrompt, options, [this](int32_t id) {
      ids_.push_back(id);
      return true;
    });
  }

  ThreadPool pool_{1};
  KernelContext context_{*ParseIsa("native"), &pool_};
  std::vector<int32_t> ids_;
};

TEST_F(GenerateTest, GivesWhatTheWholeSequenceGivesEachTime) {
  const TinyModel model(TinySpec());
  GenerateOptions options;
  options.max_tokens = 12;
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 64, options));
  EXPECT_EQ(result.reason, StopReason::kLength);
  EXPECT_EQ(result.tokens, 12);
  EXPECT_EQ(ids_, Expected(options.sampler, 12));
}

TEST_F(GenerateTest, PenaltyKnowsThePromptAndWhatWasGenerated) {
  const TinyModel model(TinySpec());
  GenerateOptions options;
  options.max_tokens = 12;
  options.sampler.temperature = 0.8;
  options.sampler.repetition_penalty = 1.7;
  options.sampler.seed = 5;
  ASSERT_OK(Run(model, 64, options));
  EXPECT_EQ(ids_, Expected(options.sampler, 12));
}

TEST_F(GenerateTest, StopIdEndsItAndIsNotHandedOut) {
  const std::vector<int32_t> free = Expected({}, 4);
  ModelSpec spec = TinySpec();
  spec.stop_ids = {999, free[3]};
  const auto stop = static_cast<size_t>(
      std::find(free.begin(), free.end(), free[3]) - free.begin());
  const TinyModel model(spec);
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 64, {}));
  EXPECT_EQ(result.reason, StopReason::kStopId);
  EXPECT_EQ(result.tokens, static_cast<int64_t>(stop));
  EXPECT_EQ(ids_, std::vector<int32_t>(
                      free.begin(), free.begin() + static_cast<int64_t>(stop)));
}

TEST_F(GenerateTest, StopIdsCanBeIgnored) {
  const std::vector<int32_t> free = Expected({}, 6);
  ModelSpec spec = TinySpec();
  spec.stop_ids = free;
  const TinyModel model(spec);
  GenerateOptions options;
  options.max_tokens = 6;
  options.ignore_stop_ids = true;
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 64, options));
  EXPECT_EQ(result.reason, StopReason::kLength);
  EXPECT_EQ(ids_, free);
}

TEST_F(GenerateTest, FullContextEndsIt) {
  // Prompt 3 and room for 5: two generated tokens go back in, and the last
  // position gives a third.
  const TinyModel model(TinySpec());
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 5, {}));
  EXPECT_EQ(result.reason, StopReason::kContext);
  EXPECT_EQ(result.tokens, 3);
  EXPECT_EQ(ids_, Expected({}, 3));
}

TEST_F(GenerateTest, CallerCanEndIt) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 64);
  int calls = 0;
  ASSERT_OK_AND_ASSIGN(
      const GenerateResult result,
      Generate(&executor, kPrompt, {}, [&](int32_t) { return ++calls < 2; }));
  EXPECT_EQ(result.reason, StopReason::kCaller);
  EXPECT_EQ(result.tokens, 2);
  EXPECT_EQ(calls, 2);
}

TEST_F(GenerateTest, StopsAtTheCallersOwnStopIdsToo) {
  const std::vector<int32_t> ids = Expected({}, 3);
  ASSERT_NE(ids[2], ids[0]);
  ASSERT_NE(ids[2], ids[1]);
  const TinyModel model(TinySpec());
  GenerateOptions options;
  options.stop_ids = {ids[2]};
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 64, options));
  EXPECT_EQ(result.reason, StopReason::kStopId);
  EXPECT_EQ(ids_, std::vector<int32_t>(ids.begin(), ids.begin() + 2));
}

TEST_F(GenerateTest, APrefixThatWasRunBeforeCountsAsSeen) {
  GenerateOptions options;
  options.sampler.repetition_penalty = 1.8;
  options.max_tokens = 6;
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 64);
  Matrix hidden;
  const absl::Span<const int32_t> prompt = kPrompt;
  ASSERT_OK(executor.Forward(prompt.subspan(0, 2), &hidden));
  options.history = prompt.subspan(0, 2);
  std::vector<int32_t> ids;
  ASSERT_OK(Generate(&executor, prompt.subspan(2), options, [&](int32_t id) {
              ids.push_back(id);
              return true;
            }).status());
  EXPECT_EQ(ids, Expected(options.sampler, 6));
}

TEST_F(GenerateTest, KeepsToTheRulesHoweverItChooses) {
  const TinyModel model(TinySpec());
  GenerationRules rules;
  rules.forced_first_id = 7;
  rules.forced_last_id = 9;
  rules.max_tokens = 8;
  rules.no_repeat_ngram = 1;
  rules.suppressed_ids = {9};
  for (const double temperature : {0.0, 5.0}) {
    GenerateOptions options;
    options.sampler.temperature = temperature;
    options.sampler.repetition_penalty = 1.5;
    options.max_tokens = 8;
    options.rules = &rules;
    Executor executor(model.weights(), &context_, 64);
    std::vector<int32_t> ids;
    ASSERT_OK(
        Generate(&executor, std::vector<int32_t>{3}, options, [&](int32_t id) {
          ids.push_back(id);
          return true;
        }).status());
    ASSERT_EQ(ids.size(), 8u);
    EXPECT_EQ(ids.front(), 7);
    EXPECT_EQ(ids.back(), 9);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 9), 1);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 3), 0);  // The start counts.
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  }
}

TEST_F(GenerateTest, NoTokensAskedForAreNoTokens) {
  const TinyModel model(TinySpec());
  GenerateOptions options;
  options.max_tokens = 0;
  ASSERT_OK_AND_ASSIGN(const GenerateResult result, Run(model, 64, options));
  EXPECT_EQ(result.reason, StopReason::kLength);
  EXPECT_EQ(result.tokens, 0);
  EXPECT_THAT(ids_, IsEmpty());
}

TEST_F(GenerateTest, RefusesAnEmptyPromptAndOneThatDoesNotFit) {
  const TinyModel model(TinySpec());
  Executor executor(model.weights(), &context_, 64);
  EXPECT_THAT(Generate(&executor, {}, {}, [](int32_t) { return true; }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the prompt has no tokens")));
  EXPECT_THAT(Run(model, 2, {}),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("3 tokens in a context of 2")));
}

TEST_F(GenerateTest, ReportsAModelWhoseLogitsAreNotFinite) {
  TinyModel model(TinySpec());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(model.source().MutableBytes("lm_head.weight") + 4 * 100, &nan, 4);
  model.Bind();
  EXPECT_THAT(Run(model, 64, {}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
  EXPECT_THAT(ids_, IsEmpty());
}

}  // namespace
}  // namespace ounce
