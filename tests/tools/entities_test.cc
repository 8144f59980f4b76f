#include "tools/entities.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "PER 0-2" for the first two tokens.
std::vector<std::string> Grouped(const std::vector<std::string>& labels) {
  std::vector<TokenLabel> tokens;
  for (const std::string& label : labels) tokens.push_back({label, 1.0});
  std::vector<std::string> texts;
  for (const Entity& entity : GroupEntities(tokens)) {
    texts.push_back(
        absl::StrCat(entity.kind, " ", entity.begin, "-", entity.end));
  }
  return texts;
}

TEST(EntitiesTest, WhatBeginsGoesOnWithItsKind) {
  EXPECT_THAT(Grouped({"O", "B-PER", "I-PER", "O", "B-LOC"}),
              ElementsAre("PER 1-3", "LOC 4-5"));
}

TEST(EntitiesTest, ABeginningEndsTheEntityBefore) {
  EXPECT_THAT(Grouped({"B-PER", "B-PER", "I-PER"}),
              ElementsAre("PER 0-1", "PER 1-3"));
}

TEST(EntitiesTest, AnotherKindEndsTheEntityBefore) {
  EXPECT_THAT(Grouped({"I-PER", "I-LOC", "I-LOC"}),
              ElementsAre("PER 0-1", "LOC 1-3"));
  EXPECT_THAT(Grouped({"B-PER", "I-LOC"}), ElementsAre("PER 0-1", "LOC 1-2"));
}

TEST(EntitiesTest, AGapEndsTheEntityBefore) {
  EXPECT_THAT(Grouped({"I-PER", "O", "I-PER"}),
              ElementsAre("PER 0-1", "PER 2-3"));
}

TEST(EntitiesTest, LabelsWithoutPrefixGoOn) {
  EXPECT_THAT(Grouped({"NOUN", "NOUN", "VERB"}),
              ElementsAre("NOUN 0-2", "VERB 2-3"));
}

TEST(EntitiesTest, NothingIsNoEntity) {
  EXPECT_THAT(Grouped({"O", "O"}), IsEmpty());
  EXPECT_THAT(Grouped({}), IsEmpty());
}

TEST(EntitiesTest, ProbabilitiesAreTheMean) {
  const std::vector<TokenLabel> tokens = {
      {"B-PER", 0.5}, {"I-PER", 0.75}, {"I-PER", 1.0}};
  EXPECT_EQ(GroupEntities(tokens)[0].probability, 0.75);
}

}  // namespace
}  // namespace ounce
