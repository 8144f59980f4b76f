// The inner loop of byte-pair encoding: joins neighbouring symbols of a word,
// best rank first, until no rule applies.
// Source: Sennrich et al., arXiv:1508.07909; the order of merges is that of
// huggingface/tokenizers, src/models/bpe/word.rs.
#ifndef OUNCE_TEXT_BPE_MERGE_H_
#define OUNCE_TEXT_BPE_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace ounce {

// Immutable once filled; thread-safe then.
class MergeRules {
 public:
  struct Rule {
    int32_t rank = 0;  // Lower is applied earlier.
    int32_t merged = 0;
  };

  void Reserve(size_t size) { rules_.reserve(size); }
  // A later rule for the same pair replaces an earlier one.
  void Add(int32_t left, int32_t right, Rule rule) {
    rules_.insert_or_assign(KeyOf(left, right), rule);
  }
  // nullptr: the pair does not merge.
  const Rule* Find(int32_t left, int32_t right) const {
    const auto it = rules_.find(KeyOf(left, right));
    return it == rules_.end() ? nullptr : &it->second;
  }

 private:
  static uint64_t KeyOf(int32_t left, int32_t right) {
    return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
           static_cast<uint32_t>(right);
  }

  absl::flat_hash_map<uint64_t, Rule> rules_;
};

// The symbols of one word.  Reuse one object for many words: it keeps its
// memory.  Not thread-safe.
class BpeWord {
 public:
  void Clear() { symbols_.clear(); }
  void Add(int32_t id);
  size_t size() const { return symbols_.size(); }

  // Among the pairs with a rule the one of lowest rank merges first, the
  // leftmost of several.  O(n log n) for n symbols.
  void Merge(const MergeRules& rules);

  // The symbols that are left.
  void AppendIdsTo(std::vector<int32_t>* ids) const;

 private:
  static constexpr int32_t kNone = -1;
  struct Symbol {
    int32_t id = kNone;  // kNone: merged into an earlier one.
    int32_t previous = kNone;
    int32_t next = kNone;
  };
  // A pair that could merge when it was found.
  struct Candidate {
    uint64_t order = 0;  // Rank, then position of the left symbol.
    int32_t merged = 0;
  };

  Symbol& At(int32_t index) { return symbols_[static_cast<size_t>(index)]; }
  static bool IsLater(const Candidate& a, const Candidate& b) {
    return a.order > b.order;
  }
  void FindCandidates(const MergeRules& rules);
  void PushCandidate(const MergeRules& rules, int32_t left);
  bool IsCurrent(const MergeRules& rules, const Candidate& candidate);
  void Join(int32_t left, int32_t merged);

  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_BPE_MERGE_H_
