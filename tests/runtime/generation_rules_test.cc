#include "runtime/generation_rules.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int32_t kStart = 9;

// Ids from 0 to 5 that may follow `ids`, of equal logits.
std::vector<int32_t> Allowed(const GenerationRules& rules,
                             const std::vector<int32_t>& ids) {
  std::vector<float> scores(6, -2.0f);
  ApplyRules(rules, ids, absl::MakeSpan(scores));
  std::vector<int32_t> allowed;
  for (int32_t id = 0; id < 6; ++id) {
    const float score = scores[static_cast<size_t>(id)];
    if (score != kBlocked) {
      // Only a forced id's score changes.
      EXPECT_TRUE(score == -2.0f || score == 0.0f) << score;
      allowed.push_back(id);
    }
  }
  return allowed;
}

TEST(GenerationRulesTest, WithoutRulesEverythingMayFollow) {
  EXPECT_THAT(Allowed({}, {kStart, 1, 1, 1}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(GenerationRulesTest, SuppressedIdsNeverFollow) {
  GenerationRules rules;
  rules.suppressed_ids = {1, 4, 6, 1000};  // The last are no ids of this model.
  EXPECT_THAT(Allowed(rules, {kStart}), ElementsAre(0, 2, 3, 5));
  EXPECT_THAT(Allowed(rules, {kStart, 2, 3}), ElementsAre(0, 2, 3, 5));
}

TEST(GenerationRulesTest, StopIdsWaitForTheLeastLength) {
  GenerationRules rules;
  rules.stop_ids = {0, 5};
  rules.min_tokens = 2;
  EXPECT_THAT(Allowed(rules, {kStart}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Allowed(rules, {kStart, 1}), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Allowed(rules, {kStart, 1, 2}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(GenerationRulesTest, ForcedIdsComeFirstAndLast) {
  GenerationRules rules;
  rules.forced_first_id = 3;
  rules.forced_last_id = 0;
  rules.max_tokens = 3;
  EXPECT_THAT(Allowed(rules, {kStart}), ElementsAre(3));
  EXPECT_THAT(Allowed(rules, {kStart, 3}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(Allowed(rules, {kStart, 3, 1}), ElementsAre(0));
}

TEST(GenerationRulesTest, AForcedIdIsCertainWhateverElseIsForbidden) {
  GenerationRules rules;
  rules.forced_first_id = 3;
  rules.suppressed_ids = {3};
  std::vector<float> scores(6, -2.0f);
  ApplyRules(rules, std::vector<int32_t>{kStart}, absl::MakeSpan(scores));
  EXPECT_EQ(scores[3], 0.0f);
  EXPECT_EQ(scores[2], kBlocked);
}

TEST(GenerationRulesTest, NoPairOfIdsComesTwice) {
  GenerationRules rules;
  rules.no_repeat_ngram = 2;
  // Pairs so far: 9 1, 1 2, 2 1, 1 3, 3 1.
  EXPECT_THAT(Allowed(rules, {kStart, 1, 2, 1, 3, 1}), ElementsAre(0, 1, 4, 5));
  // No pair begins with 4 yet.
  EXPECT_THAT(Allowed(rules, {kStart, 1, 2, 4}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(GenerationRulesTest, NoTripleComesTwiceAndTheStartCounts) {
  GenerationRules rules;
  rules.no_repeat_ngram = 3;
  // 1 2 was followed by 3; the pair 2 3 alone forbids nothing.
  EXPECT_THAT(Allowed(rules, {kStart, 1, 2, 3, 1, 2}),
              ElementsAre(0, 1, 2, 4, 5));
  EXPECT_THAT(Allowed(rules, {2, 1, 4, 2, 1}), ElementsAre(0, 1, 2, 3, 5));
  EXPECT_THAT(Allowed(rules, {kStart}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(GenerationRulesTest, NoIdComesTwice) {
  GenerationRules rules;
  rules.no_repeat_ngram = 1;
  EXPECT_THAT(Allowed(rules, {5, 1, 2}), ElementsAre(0, 3, 4));
}

TEST(GenerationRulesTest, ASpecsLengthsCountTheStart) {
  ModelSpec spec;
  spec.stop_ids = {7};
  spec.generation.start_id = 2;
  spec.generation.max_tokens = 142;
  spec.generation.min_tokens = 56;
  spec.generation.suppressed_ids = {3};
  spec.generation.no_repeat_ngram = 4;
  spec.generation.forced_first_id = 5;
  spec.generation.forced_last_id = 6;
  const GenerationRules rules = RulesOf(spec, 20);
  EXPECT_EQ(rules.start_id, 2);
  EXPECT_EQ(rules.max_tokens, 141);
  EXPECT_EQ(rules.min_tokens, 55);
  EXPECT_EQ(rules.no_repeat_ngram, 4);
  EXPECT_EQ(rules.forced_first_id, 5);
  EXPECT_EQ(rules.forced_last_id, 6);
  EXPECT_THAT(rules.suppressed_ids, ElementsAre(3));
  EXPECT_THAT(rules.stop_ids, ElementsAre(7));
}

TEST(GenerationRulesTest, ASpecWithoutLengthsGetsTheCallers) {
  const GenerationRules rules = RulesOf(ModelSpec(), 20);
  EXPECT_EQ(rules.max_tokens, 20);
  EXPECT_EQ(rules.min_tokens, 0);
  EXPECT_THAT(rules.suppressed_ids, IsEmpty());
}

}  // namespace
}  // namespace ounce
