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
  size_t first = std::string::npos;
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    if (!stop.empty()) first = std::min(first, held_.find(stop));
    keep = std::max(keep, PartialMatch(held_, stop));
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
