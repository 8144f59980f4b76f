#include "text/token_trie.h"

#include <algorithm>
#include <utility>

namespace ounce {

// The tokens [begin, end) begin with the same `depth` bytes, which lead to
// `node`.
struct TokenTrie::Range {
  size_t begin = 0;
  size_t end = 0;
  size_t depth = 0;
  uint32_t node = kRoot;
};

TokenTrie::TokenTrie(std::vector<Token> tokens) {
  std::stable_sort(
      tokens.begin(), tokens.end(),
      [](const Token& a, const Token& b) { return a.text < b.text; });
  nodes_.emplace_back();
  labels_.push_back('\0');
  std::vector<Range> level = {{0, tokens.size(), 0, kRoot}};
  while (!level.empty()) {
    std::vector<Range> next;
    for (const Range& range : level) AddChildren(tokens, range, &next);
    level = std::move(next);
  }
}

void TokenTrie::AddChildren(absl::Span<const Token> tokens, Range range,
                            std::vector<Range>* next) {
  // Tokens that end here sort before those that go on.
  while (range.begin < range.end &&
         tokens[range.begin].text.size() == range.depth) {
    if (range.depth > 0) nodes_[range.node].id = tokens[range.begin].id;
    ++range.begin;
  }
  const auto first_child = static_cast<uint32_t>(nodes_.size());
  nodes_[range.node].first_child = first_child;
  while (range.begin < range.end) {
    const char byte = tokens[range.begin].text[range.depth];
    size_t end = range.begin;
    while (end < range.end && tokens[end].text[range.depth] == byte) ++end;
    next->push_back({range.begin, end, range.depth + 1,
                     static_cast<uint32_t>(nodes_.size())});
    nodes_.emplace_back();
    labels_.push_back(byte);
    range.begin = end;
  }
  nodes_[range.node].num_children =
      static_cast<uint32_t>(nodes_.size()) - first_child;
}

TokenTrie::Match TokenTrie::FindLongest(absl::string_view text) const {
  Match match;
  uint32_t node = kRoot;
  for (size_t i = 0; i < text.size() && Step(text[i], &node); ++i) {
    if (IdAt(node) != kNone) match = {i + 1, IdAt(node)};
  }
  return match;
}

}  // namespace ounce
