#include "text/byte_trie.h"

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(ByteTrieTest, FindsTheLeftmostAndThereTheLongest) {
  ByteTrie trie;
  ASSERT_TRUE(trie.Insert("ab", 1));
  ASSERT_TRUE(trie.Insert("abcd", 2));
  ASSERT_TRUE(trie.Insert("bc", 3));
  // "bc" at 2 starts later than "abcd" at 1; "ab" ends earlier.
  const auto match = trie.FindNext("xabcdx", 0);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->begin, 1u);
  EXPECT_EQ(match->end, 5u);
  EXPECT_EQ(match->value, 2);
}

TEST(ByteTrieTest, FallsBackToTheShorterKeyWhenTheLongerBreaksOff) {
  ByteTrie trie;
  ASSERT_TRUE(trie.Insert("ab", 1));
  ASSERT_TRUE(trie.Insert("abcd", 2));
  const auto match = trie.FindNext("abcx", 0);
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->end, 2u);
  EXPECT_EQ(match->value, 1);
}

TEST(ByteTrieTest, SearchesFromTheGivenOffset) {
  ByteTrie trie;
  ASSERT_TRUE(trie.Insert("a", 7));
  EXPECT_EQ(trie.FindNext("aba", 1)->begin, 2u);
  EXPECT_FALSE(trie.FindNext("aba", 3).has_value());
  EXPECT_FALSE(trie.FindNext("", 0).has_value());
}

TEST(ByteTrieTest, RefusesAKeyTwice) {
  ByteTrie trie;
  EXPECT_TRUE(trie.Insert("\xFF\x01", 1));
  EXPECT_FALSE(trie.Insert("\xFF\x01", 2));
  EXPECT_EQ(trie.FindNext("\xFF\x01", 0)->value, 1);
}

TEST(ByteTrieTest, EmptyTrieFindsNothing) {
  EXPECT_FALSE(ByteTrie().FindNext("abc", 0).has_value());
}

}  // namespace
}  // namespace ounce
