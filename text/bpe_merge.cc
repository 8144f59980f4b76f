#include "text/bpe_merge.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace ounce {
namespace {

uint64_t OrderOf(int32_t rank, int32_t position) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(rank)) << 32) |
         static_cast<uint32_t>(position);
}

int32_t PositionOf(uint64_t order) {
  return static_cast<int32_t>(order & 0xFFFFFFFFu);
}

}  // namespace

void MergeRules::Reserve(size_t num_rules) {
  const size_t num_slots = std::bit_ceil(num_rules + num_rules / 2 + 1);
  if (num_slots <= slots_.size()) return;
  const std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(num_slots));
  for (const Slot& slot : old) {
    if (slot.left != kNone) slots_[SlotOf(slot.left, slot.right)] = slot;
  }
}

void MergeRules::Add(int32_t left, int32_t right, Rule rule) {
  if (3 * (size_ + 1) > 2 * slots_.size()) Reserve(2 * size_ + 1);
  Slot& slot = slots_[SlotOf(left, right)];
  if (slot.left == kNone) ++size_;
  slot = {left, right, rule};
}

void BpeWord::Add(int32_t id) {
  const int32_t index = static_cast<int32_t>(symbols_.size());
  if (!symbols_.empty()) symbols_.back().next = index;
  symbols_.push_back({id, index - 1, kNone});
}

void BpeWord::FindCandidates(const MergeRules& rules) {
  heap_.clear();
  for (size_t i = 0; i + 1 < symbols_.size(); ++i) {
    const auto* rule = rules.Find(symbols_[i].id, symbols_[i + 1].id);
    if (rule == nullptr) continue;
    heap_.push_back(
        {OrderOf(rule->rank, static_cast<int32_t>(i)), rule->merged});
  }
  std::make_heap(heap_.begin(), heap_.end(), &IsLater);
}

void BpeWord::PushCandidate(const MergeRules& rules, int32_t left) {
  if (left == kNone || At(left).next == kNone) return;
  const auto* rule = rules.Find(At(left).id, At(At(left).next).id);
  if (rule == nullptr) return;
  heap_.push_back({OrderOf(rule->rank, left), rule->merged});
  std::push_heap(heap_.begin(), heap_.end(), &IsLater);
}

// Whether the two symbols are still there and still merge to the same.
bool BpeWord::IsCurrent(const MergeRules& rules, const Candidate& candidate) {
  const Symbol& left = At(PositionOf(candidate.order));
  if (left.id == kNone || left.next == kNone) return false;
  const auto* rule = rules.Find(left.id, At(left.next).id);
  return rule != nullptr && rule->merged == candidate.merged;
}

void BpeWord::Join(int32_t left, int32_t merged) {
  Symbol& symbol = At(left);
  Symbol& right = At(symbol.next);
  symbol.id = merged;
  symbol.next = right.next;
  right.id = kNone;
  if (right.next != kNone) At(right.next).previous = left;
}

void BpeWord::Merge(const MergeRules& rules) {
  FindCandidates(rules);
  while (!heap_.empty()) {
    const Candidate candidate = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), &IsLater);
    heap_.pop_back();
    if (!IsCurrent(rules, candidate)) continue;
    const int32_t left = PositionOf(candidate.order);
    Join(left, candidate.merged);
    PushCandidate(rules, At(left).previous);
    PushCandidate(rules, left);
  }
}

void BpeWord::AppendIdsTo(std::vector<int32_t>* ids) const {
  for (const Symbol& symbol : symbols_) {
    if (symbol.id != kNone) ids->push_back(symbol.id);
  }
}

}  // namespace ounce
