#include "text/byte_trie.h"

namespace ounce {
namespace {

uint64_t KeyOf(int32_t node, uint8_t byte) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(node)) << 8) | byte;
}

}  // namespace

ByteTrie::ByteTrie() { roots_.fill(kNone); }

bool ByteTrie::Insert(absl::string_view key, int32_t value) {
  const auto new_node = [this] {
    values_.push_back(kNone);
    return static_cast<int32_t>(values_.size() - 1);
  };
  int32_t& root = roots_[static_cast<uint8_t>(key[0])];
  if (root == kNone) root = new_node();
  int32_t node = root;
  for (const char c : key.substr(1)) {
    const auto [it, inserted] =
        children_.try_emplace(KeyOf(node, static_cast<uint8_t>(c)), kNone);
    if (inserted) it->second = new_node();
    node = it->second;
  }
  int32_t& slot = values_[static_cast<size_t>(node)];
  if (slot != kNone) return false;
  slot = value;
  return true;
}

std::optional<ByteTrie::Match> ByteTrie::MatchAt(absl::string_view text,
                                                 size_t begin) const {
  std::optional<Match> match;
  int32_t node = roots_[static_cast<uint8_t>(text[begin])];
  for (size_t end = begin + 1; node != kNone; ++end) {
    const int32_t value = values_[static_cast<size_t>(node)];
    if (value != kNone) match = Match{begin, end, value};
    if (end == text.size()) break;
    const auto it =
        children_.find(KeyOf(node, static_cast<uint8_t>(text[end])));
    node = it == children_.end() ? kNone : it->second;
  }
  return match;
}

std::optional<ByteTrie::Match> ByteTrie::FindNext(absl::string_view text,
                                                  size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (roots_[static_cast<uint8_t>(text[begin])] == kNone) continue;
    if (auto match = MatchAt(text, begin)) return match;
  }
  return std::nullopt;
}

}  // namespace ounce
