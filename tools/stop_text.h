// Ends a stream of text at the first of several stop strings to be complete,
// holding back only what might still become one.  How the text is cut into
// pieces changes nothing.
#ifndef OUNCE_TOOLS_STOP_TEXT_H_
#define OUNCE_TOOLS_STOP_TEXT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace ounce {

class StopText {
 public:
  // Empty strings never match.
  explicit StopText(std::vector<std::string> stops)
      : stops_(std::move(stops)) {}

  // Adds `text` and returns what may be shown now: all up to the first stop
  // string, which is not shown itself.
  std::string Push(absl::string_view text);
  // What was held back and is no stop string; empty once stopped.
  std::string Finish();
  bool stopped() const { return stopped_; }

 private:
  const std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace ounce

#endif  // OUNCE_TOOLS_STOP_TEXT_H_
