#include "tools/stop_text.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace ounce {
namespace {

// All that is shown of `pieces`, and whether a stop string was met.
std::pair<std::string, bool> Shown(const std::vector<std::string>& stops,
                                   const std::vector<std::string>& pieces) {
  StopText text(stops);
  std::string shown;
  for (const std::string& piece : pieces) shown += text.Push(piece);
  shown += text.Finish();
  return {shown, text.stopped()};
}

TEST(StopTextTest, WithoutStopStringsEverythingIsShownAtOnce) {
  StopText text({});
  EXPECT_EQ(text.Push("Once upon"), "Once upon");
  EXPECT_EQ(text.Push(" a time"), " a time");
  EXPECT_EQ(text.Finish(), "");
  EXPECT_FALSE(text.stopped());
}

TEST(StopTextTest, EndsBeforeTheStopString) {
  StopText text({"END"});
  EXPECT_EQ(text.Push("one END two"), "one ");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.Push("more"), "");
  EXPECT_EQ(text.Finish(), "");
}

TEST(StopTextTest, FindsAStopStringSplitOverPieces) {
  StopText text({"END"});
  EXPECT_EQ(text.Push("one E"), "one ");
  EXPECT_EQ(text.Push("N"), "");
  EXPECT_FALSE(text.stopped());
  EXPECT_EQ(text.Push("D two"), "");
  EXPECT_TRUE(text.stopped());
}

TEST(StopTextTest, ShowsWhatWasHeldBackOnceItIsNoStopString) {
  StopText text({"END"});
  EXPECT_EQ(text.Push("EN"), "");
  EXPECT_EQ(text.Push("ENE"), "ENEN");  // The last E may still begin one.
  EXPECT_EQ(text.Push("x"), "Ex");
  EXPECT_FALSE(text.stopped());
}

TEST(StopTextTest, FinishShowsTheRest) {
  StopText text({"END"});
  EXPECT_EQ(text.Push("so it EN"), "so it ");
  EXPECT_EQ(text.Finish(), "EN");
  EXPECT_EQ(text.Finish(), "");
}

TEST(StopTextTest, StopStringThatOverlapsItselfIsFound) {
  EXPECT_EQ(Shown({"aab"}, {"a", "a", "a", "b"}),
            std::pair(std::string("a"), true));
  // The "aba" that begins it comes to nothing; the one after it is complete.
  EXPECT_EQ(Shown({"abab"}, {"aba", "ab", "ab"}),
            std::pair(std::string("aba"), true));
}

TEST(StopTextTest, FirstToBeCompleteWinsAndOfEqualsTheLongest) {
  EXPECT_EQ(Shown({"abcd", "bc"}, {"xabcd"}),
            std::pair(std::string("xa"), true));
  EXPECT_EQ(Shown({"bc", "abc"}, {"xabc"}), std::pair(std::string("x"), true));
  EXPECT_EQ(Shown({"later", "x"}, {"a x later"}),
            std::pair(std::string("a "), true));
}

TEST(StopTextTest, EmptyStopStringNeverMatches) {
  EXPECT_EQ(Shown({"", "b"}, {"aa"}), std::pair(std::string("aa"), false));
  EXPECT_EQ(Shown({"", "b"}, {"aab"}), std::pair(std::string("aa"), true));
}

// Over a small alphabet, where stop strings overlap in every way.
TEST(StopTextTest, CutsBetweenPiecesChangeNothing) {
  const std::vector<std::vector<std::string>> stop_sets = {
      {"ab"},         {"aa", "ba"},        {"abab", "ba"},
      {"abba", "bb"}, {"aabb", "ab", "b"}, {"bbb", "abbb"}};
  for (const std::vector<std::string>& stops : stop_sets) {
    for (unsigned bits = 0; bits < 256; ++bits) {
      std::string text;
      for (int i = 0; i < 8; ++i) text += (bits >> i) & 1u ? 'b' : 'a';
      const std::pair<std::string, bool> whole = Shown(stops, {text});
      for (unsigned cuts = 0; cuts < 128; ++cuts) {
        std::vector<std::string> pieces = {""};
        for (size_t i = 0; i < text.size(); ++i) {
          pieces.back() += text[i];
          if ((cuts >> i) & 1u) pieces.emplace_back();
        }
        ASSERT_EQ(Shown(stops, pieces), whole) << text << " " << cuts;
      }
    }
  }
}

}  // namespace
}  // namespace ounce
