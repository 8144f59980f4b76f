#include "text/token_trie.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(TokenTrieTest, FindsTheLongestBeginning) {
  const TokenTrie trie({{"b", 4}, {"a", 1}, {"abc", 2}, {"", 9}, {"bd", 3}});
  EXPECT_EQ(trie.FindLongest("abcd").id, 2);
  EXPECT_EQ(trie.FindLongest("abcd").size, 3u);
  EXPECT_EQ(trie.FindLongest("abd").id, 1);
  EXPECT_EQ(trie.FindLongest("b").id, 4);
  EXPECT_EQ(trie.FindLongest("ca").size, 0u);
  EXPECT_EQ(trie.FindLongest("").size, 0u);
}

TEST(TokenTrieTest, OfEqualTokensTheLastCounts) {
  const TokenTrie trie({{"a", 1}, {"b", 2}, {"a", 3}});
  EXPECT_EQ(trie.FindLongest("a").id, 3);
}

TEST(TokenTrieTest, EmptyOneFindsNothing) {
  EXPECT_EQ(TokenTrie({}).FindLongest("a").size, 0u);
}

TEST(TokenTrieTest, AgreesWithTryingEveryToken) {
  std::minstd_rand random(3);
  const auto word = [&random](size_t max_size) {
    std::string text(random() % (max_size + 1), '\0');
    for (char& c : text) c = "ab\xC3\xFF"[random() % 4];
    return text;
  };
  std::vector<std::string> tokens;
  std::vector<TokenTrie::Token> rows;
  for (int i = 0; i < 60; ++i) tokens.push_back(word(6));
  for (size_t i = 0; i < tokens.size(); ++i) {
    rows.push_back({tokens[i], static_cast<int32_t>(i)});
  }
  const TokenTrie trie(rows);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = word(8);
    size_t longest = 0;
    for (const std::string& token : tokens) {
      if (text.compare(0, token.size(), token) == 0) {
        longest = std::max(longest, token.size());
      }
    }
    const TokenTrie::Match match = trie.FindLongest(text);
    ASSERT_EQ(match.size, longest);
    if (longest > 0) {
      EXPECT_EQ(tokens[static_cast<size_t>(match.id)], text.substr(0, longest));
    }
  }
}

}  // namespace
}  // namespace ounce
