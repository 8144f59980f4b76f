// A set of byte strings with a value each, searched for in a text.
#ifndef OUNCE_TEXT_BYTE_TRIE_H_
#define OUNCE_TEXT_BYTE_TRIE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace ounce {

// Thread-safe once filled.
class ByteTrie {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    int32_t value = 0;
  };

  ByteTrie();

  // False, changing nothing, when `key` is there already.
  // REQUIRES: `key` is not empty.
  bool Insert(absl::string_view key, int32_t value);

  // The leftmost occurrence of a key in `text` at or after `from`, and of those
  // that start there the longest.  Time: size of `text` times the longest key
  // at worst, one table look-up a byte where no key starts.
  std::optional<Match> FindNext(absl::string_view text, size_t from) const;

 private:
  static constexpr int32_t kNone = -1;

  std::optional<Match> MatchAt(absl::string_view text, size_t begin) const;

  std::array<int32_t, 256> roots_;  // Node after the first byte.
  absl::flat_hash_map<uint64_t, int32_t> children_;  // Of (node, byte).
  std::vector<int32_t> values_;                      // By node; kNone: no key.
};

}  // namespace ounce

#endif  // OUNCE_TEXT_BYTE_TRIE_H_
