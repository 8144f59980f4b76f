// The `loop` variable of a `for`.
// Source: jinja2 3.1, class LoopContext: elements are taken one by one, so that
// a filter of the loop sees what the loop's body has set meanwhile.
#ifndef OUNCE_TEXT_JINJA_LOOP_H_
#define OUNCE_TEXT_JINJA_LOOP_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "text/jinja/value.h"

namespace ounce::jinja {

class Loop {
 public:
  // Whether an element belongs to the loop; empty: all do.
  using Keeps = std::function<absl::StatusOr<bool>(const Value&)>;

  Loop(std::vector<Value> items, int64_t nesting, Keeps keeps);

  // Goes to the next element; nullopt at the end.
  absl::StatusOr<std::optional<Value>> Next();
  // Ends the loop: nothing is asked of `keeps` any more.
  void Close();

  // The attribute `name` (index, index0, first, last, length, previtem,
  // nextitem, revindex, revindex0, depth, depth0); nullopt: there is none.
  absl::StatusOr<std::optional<Value>> Attribute(absl::string_view name);

  int value_depth() const { return value_depth_; }

 private:
  absl::StatusOr<std::optional<Value>> Take();
  // Whether an element follows, which is taken.
  absl::StatusOr<bool> Peek();
  absl::StatusOr<int64_t> Length();

  std::vector<Value> items_;
  size_t taken_ = 0;
  Keeps keeps_;
  const int64_t nesting_;
  int value_depth_ = 1;
  int64_t index_ = -1;
  std::optional<Value> previous_, current_, after_;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_LOOP_H_
