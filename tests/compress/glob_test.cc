#include "compress/glob.h"

#include <string>

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(GlobMatchesTest, PlainTextMatchesItselfAlone) {
  EXPECT_TRUE(GlobMatches("lm_head.weight", "lm_head.weight"));
  EXPECT_FALSE(GlobMatches("lm_head.weight", "lm_head.weights"));
  EXPECT_FALSE(GlobMatches("lm_head.weight", "xlm_head.weight"));
  EXPECT_FALSE(GlobMatches("a.b", "axb"));  // A point is a point.
  EXPECT_TRUE(GlobMatches("", ""));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_FALSE(GlobMatches("a", ""));
}

TEST(GlobMatchesTest, StarStandsForAnyTextAlsoNone) {
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("*", "anything.at.all"));
  EXPECT_TRUE(GlobMatches("model.*", "model."));
  EXPECT_TRUE(GlobMatches("*.weight", "a.b.weight"));
  EXPECT_FALSE(GlobMatches("*.weight", "a.b.bias"));
  EXPECT_TRUE(GlobMatches("*mlp*", "model.layers.3.mlp.up_proj.weight"));
  EXPECT_TRUE(GlobMatches("a**b", "ab"));
}

TEST(GlobMatchesTest, StarGivesBackWhatTheRestNeeds) {
  EXPECT_TRUE(GlobMatches("*ab", "aabab"));
  EXPECT_TRUE(GlobMatches("*.?_proj.*", "x.self_attn.q_proj.weight"));
  EXPECT_TRUE(GlobMatches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(GlobMatches("a*b*c", "a-c-b"));
}

TEST(GlobMatchesTest, QuestionMarkStandsForOneCharacter) {
  EXPECT_TRUE(GlobMatches("layers.?.x", "layers.3.x"));
  EXPECT_FALSE(GlobMatches("layers.?.x", "layers.13.x"));
  EXPECT_FALSE(GlobMatches("layers.?.x", "layers..x"));
  EXPECT_TRUE(GlobMatches("??", "ab"));
  EXPECT_FALSE(GlobMatches("??", "a"));
}

// 200 stars against 20,000 letters: exponential backtracking would never end.
TEST(GlobMatchesTest, HostilePatternEndsInTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(20000, 'a')));
  EXPECT_TRUE(GlobMatches(pattern, std::string(20000, 'a')));
}

}  // namespace
}  // namespace ounce
