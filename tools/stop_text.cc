#include "tools/stop_text.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace ounce {
namespace {

// The length of the longest end of `text` that begins `stop` without being it.
size_t PartialMatch(absl::string_view text, absl::string_view stop) {
  if (stop.empty()) return 0;
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0;
       --length) {
    if (absl::StartsWith(stop, text.substr(text.size() - length))) {
      return length;
    }
  }
  return 0;
}

}  // namespace

std::string StopText::Push(absl::string_view text) {
  if (stopped_) return "";
  absl::StrAppend(&held_, text);
  // Where the stop string begins that is complete first, and where it ends.
  size_t first = std::string::npos;
  size_t end = std::string::npos;
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    keep = std::max(keep, PartialMatch(held_, stop));
    const size_t found = stop.empty() ? std::string::npos : held_.find(stop);
    if (found == std::string::npos) continue;
    const size_t found_end = found + stop.size();
    if (found_end > end || (found_end == end && found > first)) continue;
    first = found;
    end = found_end;
  }
  stopped_ = first != std::string::npos;
  const size_t shown = stopped_ ? first : held_.size() - keep;
  std::string out = held_.substr(0, shown);
  held_.erase(0, shown);
  return out;
}

std::string StopText::Finish() {
  return stopped_ ? "" : std::exchange(held_, "");
}

}  // namespace ounce
