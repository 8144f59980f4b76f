#include "text/split.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "text/quote.h"

namespace ounce {
namespace {

struct BehaviorName {
  absl::string_view name;
  SplitBehavior behavior;
};

constexpr BehaviorName kBehaviors[] = {
    {"Removed", SplitBehavior::kRemoved},
    {"Isolated", SplitBehavior::kIsolated},
    {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
    {"MergedWithNext", SplitBehavior::kMergedWithNext},
    {"Contiguous", SplitBehavior::kContiguous},
};

// Joins each segment to the one before it where `joins(previous, segment)`.
template <typename Joins>
void JoinNeighbours(std::vector<Segment>* segments, Joins joins) {
  std::vector<Segment> joined;
  bool previous_match = false;
  for (const Segment& segment : *segments) {
    if (!joined.empty() && joins(previous_match, segment.is_match)) {
      TextRange& range = joined.back().range;
      range.begin = std::min(range.begin, segment.range.begin);
      range.end = std::max(range.end, segment.range.end);
    } else {
      joined.push_back(segment);
    }
    previous_match = segment.is_match;
  }
  *segments = std::move(joined);
}

void JoinMatches(SplitBehavior behavior, std::vector<Segment>* segments) {
  const auto is_first_match = [](bool previous, bool current) {
    return current && !previous;
  };
  if (behavior == SplitBehavior::kContiguous) {
    JoinNeighbours(segments,
                   [](bool previous, bool now) { return previous == now; });
  } else if (behavior == SplitBehavior::kMergedWithPrevious) {
    JoinNeighbours(segments, is_first_match);
  } else if (behavior == SplitBehavior::kMergedWithNext) {
    std::reverse(segments->begin(), segments->end());
    JoinNeighbours(segments, is_first_match);
    std::reverse(segments->begin(), segments->end());
  }
}

}  // namespace

absl::StatusOr<SplitBehavior> ParseBehavior(const Json& config,
                                            SplitBehavior fallback) {
  if (config.Find("behavior") == nullptr) return fallback;
  OUNCE_ASSIGN_OR_RETURN(const std::string name, config.GetString("behavior"));
  for (const BehaviorName& row : kBehaviors) {
    if (row.name == name) return row.behavior;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"behavior\" is ", Quote(name),
      "; expected Removed, Isolated, MergedWithPrevious, MergedWithNext or "
      "Contiguous"));
}

void AppendSplit(const TextPiece& piece, std::vector<Segment> segments,
                 SplitBehavior behavior, std::vector<TextPiece>* out) {
  JoinMatches(behavior, &segments);
  for (const auto& [range, is_match] : segments) {
    if (behavior == SplitBehavior::kRemoved && is_match) continue;
    out->push_back({piece.text.substr(range.begin, range.end - range.begin),
                    kNoToken, piece.is_first && range.begin == 0});
  }
}

}  // namespace ounce
