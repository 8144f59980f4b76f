#include "text/split.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/text/text_fixtures.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Split(absl::string_view text, SplitBehavior behavior) {
  std::vector<Segment> segments;
  EXPECT_THAT(Pattern::Literal("-").Cut(text, &segments), IsOk());
  std::vector<TextPiece> pieces;
  AppendSplit({text, kNoToken, true}, segments, behavior, &pieces);
  std::vector<std::string> out;
  for (const TextPiece& piece : pieces) out.emplace_back(piece.text);
  return out;
}

// The example in the documentation of the reference's SplitDelimiterBehavior.
constexpr char kText[] = "the-final--countdown";

TEST(SplitTest, RemovedLeavesOutMatches) {
  EXPECT_THAT(Split(kText, SplitBehavior::kRemoved),
              ElementsAre("the", "final", "countdown"));
}

TEST(SplitTest, IsolatedKeepsEachMatchApart) {
  EXPECT_THAT(Split(kText, SplitBehavior::kIsolated),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
}

TEST(SplitTest, MergedWithPreviousJoinsTheFirstMatchOnly) {
  EXPECT_THAT(Split(kText, SplitBehavior::kMergedWithPrevious),
              ElementsAre("the-", "final-", "-", "countdown"));
}

TEST(SplitTest, MergedWithNextJoinsTheLastMatchOnly) {
  EXPECT_THAT(Split(kText, SplitBehavior::kMergedWithNext),
              ElementsAre("the", "-final", "-", "-countdown"));
}

TEST(SplitTest, ContiguousJoinsMatches) {
  EXPECT_THAT(Split(kText, SplitBehavior::kContiguous),
              ElementsAre("the", "-", "final", "--", "countdown"));
}

TEST(SplitTest, MatchesAtTheEndsStandAlone) {
  EXPECT_THAT(Split("-a-", SplitBehavior::kMergedWithPrevious),
              ElementsAre("-", "a-"));
  EXPECT_THAT(Split("-a-", SplitBehavior::kMergedWithNext),
              ElementsAre("-a", "-"));
}

TEST(SplitTest, OnlyThePieceAtTheStartIsFirst) {
  std::vector<Segment> segments;
  ASSERT_OK(Pattern::Literal("-").Cut("a-b", &segments));
  std::vector<TextPiece> pieces;
  AppendSplit({"a-b", kNoToken, true}, segments, SplitBehavior::kIsolated,
              &pieces);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_TRUE(pieces[0].is_first);
  EXPECT_FALSE(pieces[1].is_first);
  EXPECT_FALSE(pieces[2].is_first);
}

TEST(SplitTest, BehaviorIsReadByName) {
  ASSERT_OK_AND_ASSIGN(
      const SplitBehavior behavior,
      ParseBehavior(ParseOrDie(R"({"behavior": "Contiguous"})"),
                    SplitBehavior::kRemoved));
  EXPECT_EQ(behavior, SplitBehavior::kContiguous);
  ASSERT_OK_AND_ASSIGN(const SplitBehavior fallback,
                       ParseBehavior(Json(), SplitBehavior::kRemoved));
  EXPECT_EQ(fallback, SplitBehavior::kRemoved);
  EXPECT_THAT(ParseBehavior(ParseOrDie(R"({"behavior": "removed"})"),
                            SplitBehavior::kRemoved),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("MergedWithNext or Contiguous")));
}

}  // namespace
}  // namespace ounce
