#include "text/bpe_merge.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

std::vector<int32_t> Merged(const MergeRules& rules,
                            const std::vector<int32_t>& symbols) {
  BpeWord word;
  for (const int32_t id : symbols) word.Add(id);
  word.Merge(rules);
  std::vector<int32_t> ids;
  word.AppendIdsTo(&ids);
  return ids;
}

TEST(BpeMergeTest, LowestRankMergesFirst) {
  // h u g: u+g (rank 0) wins over h+u (rank 1), so "hu" never forms.
  MergeRules rules;
  rules.Add(/*h*/ 0, /*u*/ 1, {/*rank=*/1, /*merged=*/10});
  rules.Add(/*u*/ 1, /*g*/ 2, {/*rank=*/0, /*merged=*/11});
  EXPECT_THAT(Merged(rules, {0, 1, 2}), ElementsAre(0, 11));
}

TEST(BpeMergeTest, LeftmostOfEqualRankMergesFirst) {
  // a a a with a+a: the left pair merges and the third stays.
  MergeRules rules;
  rules.Add(0, 0, {0, 1});
  EXPECT_THAT(Merged(rules, {0, 0, 0}), ElementsAre(1, 0));
  EXPECT_THAT(Merged(rules, {0, 0, 0, 0}), ElementsAre(1, 1));
}

TEST(BpeMergeTest, MergedSymbolsMergeAgain) {
  // a a a a: a+a -> A, A+A -> B.
  MergeRules rules;
  rules.Add(0, 0, {0, 1});
  rules.Add(1, 1, {1, 2});
  EXPECT_THAT(Merged(rules, {0, 0, 0, 0}), ElementsAre(2));
  EXPECT_THAT(Merged(rules, {0, 0, 0, 0, 0}), ElementsAre(2, 0));
}

TEST(BpeMergeTest, ALaterRuleForAPairReplacesTheEarlier) {
  MergeRules rules;
  rules.Add(0, 1, {0, 8});
  rules.Add(0, 1, {5, 9});
  EXPECT_EQ(rules.Find(0, 1)->rank, 5);
  EXPECT_THAT(Merged(rules, {0, 1}), ElementsAre(9));
}

TEST(BpeMergeTest, NothingMergesInShortWords) {
  const MergeRules rules;
  EXPECT_THAT(Merged(rules, {}), ElementsAre());
  EXPECT_THAT(Merged(rules, {4}), ElementsAre(4));
}

// The definition: again and again the pair of lowest rank, leftmost first.
std::vector<int32_t> MergedByDefinition(const MergeRules& rules,
                                        std::vector<int32_t> symbols) {
  for (;;) {
    const MergeRules::Rule* best = nullptr;
    size_t best_index = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto* rule = rules.Find(symbols[i], symbols[i + 1]);
      if (rule == nullptr || (best != nullptr && rule->rank >= best->rank)) {
        continue;
      }
      best = rule;
      best_index = i;
    }
    if (best == nullptr) return symbols;
    symbols[best_index] = best->merged;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_index) +
                  1);
  }
}

TEST(BpeMergeTest, AgreesWithTheDefinitionOnRandomRules) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    MergeRules rules;
    int32_t next_id = 4;
    for (int32_t rank = 0; rank < 30; ++rank) {
      const auto pick = [&] {
        return static_cast<int32_t>(random() % static_cast<uint32_t>(next_id));
      };
      const int32_t left = pick();
      const int32_t right = pick();
      if (rules.Find(left, right) != nullptr) continue;
      rules.Add(left, right, {rank, next_id++});
    }
    std::vector<int32_t> symbols(random() % 60);
    for (int32_t& id : symbols) id = static_cast<int32_t>(random() % 4);
    ASSERT_EQ(Merged(rules, symbols), MergedByDefinition(rules, symbols));
  }
}

// The rules as a map holds them, with and without room made beforehand.
TEST(MergeRulesTest, FindsWhatAMapFinds) {
  for (const size_t reserved : {size_t{0}, size_t{3000}}) {
    MergeRules rules;
    rules.Reserve(reserved);
    std::map<std::pair<int32_t, int32_t>, int32_t> expected;
    for (int32_t i = 0; i < 3000; ++i) {
      const std::pair<int32_t, int32_t> pair = {i * 7919 % 211, i % 53};
      rules.Add(pair.first, pair.second, {i, i + 1});
      expected[pair] = i;
    }
    for (int32_t left = 0; left < 220; ++left) {
      for (int32_t right = 0; right < 60; ++right) {
        const auto it = expected.find({left, right});
        const MergeRules::Rule* rule = rules.Find(left, right);
        ASSERT_EQ(rule != nullptr, it != expected.end());
        if (rule == nullptr) continue;
        EXPECT_EQ(rule->rank, it->second);
        EXPECT_EQ(rule->merged, it->second + 1);
      }
    }
  }
}

}  // namespace
}  // namespace ounce
