// The tokens of a vocabulary by their first bytes: finds all that a text begins
// with.  Made for some hundred thousand tokens, as byte_trie.h is for some
// hundred.
#ifndef OUNCE_TEXT_TOKEN_TRIE_H_
#define OUNCE_TEXT_TOKEN_TRIE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace ounce {

// Immutable; thread-safe.
class TokenTrie {
 public:
  static constexpr int32_t kNone = -1;

  struct Token {
    absl::string_view text;
    int32_t id = 0;
  };

  // Of equal tokens the last one counts; an empty one is left out.  Keeps no
  // view.  Time: n log n for n tokens; memory: 13 bytes for each distinct
  // beginning of a token.
  explicit TokenTrie(std::vector<Token> tokens);

  // Goes down byte by byte from the root:
  //   for (uint32_t node = kRoot; Step(byte, &node); ) IdAt(node) ...
  static constexpr uint32_t kRoot = 0;
  // False when no token goes on with `byte`.
  bool Step(char byte, uint32_t* node) const {
    const Node& from = nodes_[*node];
    const char* const labels = labels_.data() + from.first_child;
    const void* const label = std::memchr(labels, byte, from.num_children);
    if (label == nullptr) return false;
    *node = from.first_child +
            static_cast<uint32_t>(static_cast<const char*>(label) - labels);
    return true;
  }
  // The token that ends at `node`; kNone: none does.
  int32_t IdAt(uint32_t node) const { return nodes_[node].id; }

  struct Match {
    size_t size = 0;  // In bytes; 0: there is none.
    int32_t id = kNone;
  };
  // The longest token that `text` begins with.
  Match FindLongest(absl::string_view text) const;

 private:
  struct Node {
    uint32_t first_child = 0;  // Children lie side by side, by their bytes.
    uint32_t num_children = 0;
    int32_t id = kNone;
  };
  struct Range;

  // Adds the children of the node of `range` and their ranges to `next`.
  void AddChildren(absl::Span<const Token> tokens, Range range,
                   std::vector<Range>* next);

  std::vector<Node> nodes_;
  std::string labels_;  // By node: the byte that leads to it.
};

}  // namespace ounce

#endif  // OUNCE_TEXT_TOKEN_TRIE_H_
