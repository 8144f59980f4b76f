// The inner loop of byte-pair encoding: joins neighbouring symbols of a word,
// best rank first, until no rule applies.
// Source: Sennrich et al., arXiv:1508.07909; the order of merges is that of
// huggingface/tokenizers, src/models/bpe/word.rs.
#ifndef OUNCE_TEXT_BPE_MERGE_H_
#define OUNCE_TEXT_BPE_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/hash/hash.h"

namespace ounce {

// Immutable once filled; thread-safe then.
class MergeRules {
 public:
  struct Rule {
    int32_t rank = 0;  // Lower is applied earlier.
    int32_t merged = 0;
  };

  void Reserve(size_t num_rules);
  // Fetches the memory that Add() of this pair will need.
  void Prefetch(int32_t left, int32_t right) const {
    __builtin_prefetch(&slots_[FirstSlotOf(left, right)], /*rw=*/1);
  }
  // A later rule for the same pair replaces an earlier one.
  // REQUIRES: neither id is negative.
  void Add(int32_t left, int32_t right, Rule rule);
  // nullptr: the pair does not merge.
  const Rule* Find(int32_t left, int32_t right) const {
    const Slot& slot = slots_[SlotOf(left, right)];
    return slot.left == kNone ? nullptr : &slot.rule;
  }

 private:
  static constexpr int32_t kNone = -1;
  // All that a look-up needs, side by side in one cache line.
  struct Slot {
    int32_t left = kNone;
    int32_t right = kNone;
    Rule rule;
  };

  // Differs from process to process, so that no file can make pairs collide.
  size_t FirstSlotOf(int32_t left, int32_t right) const {
    const uint64_t key =
        (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) |
        static_cast<uint32_t>(right);
    return absl::Hash<uint64_t>()(key) & (slots_.size() - 1);
  }
  // The slot of the pair, or the empty one that it would have.
  size_t SlotOf(int32_t left, int32_t right) const {
    size_t index = FirstSlotOf(left, right);
    while (slots_[index].left != kNone &&
           (slots_[index].left != left || slots_[index].right != right)) {
      index = (index + 1) & (slots_.size() - 1);
    }
    return index;
  }

  // Open addressing with linear probing; at most two thirds of a power of two
  // of slots are filled.
  std::vector<Slot> slots_ = std::vector<Slot>(1);
  size_t size_ = 0;
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
