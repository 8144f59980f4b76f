// What one rendering may cost.  A template comes from outside: without a bound,
// one line of it could run for ever or fill the memory.
#ifndef OUNCE_TEXT_JINJA_WORK_H_
#define OUNCE_TEXT_JINJA_WORK_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace ounce::jinja {

struct Limits {
  size_t max_template_bytes = size_t{1} << 20;
  size_t max_output_bytes = size_t{1} << 26;
  // A unit is a byte that is made or looked at; an element of a list counts as
  // the bytes it takes, evaluating one node as kUnitsPerNode.  The default
  // takes some seconds and a few hundred MB at most.
  int64_t max_work = int64_t{1} << 27;
};

inline constexpr int64_t kUnitsPerNode = 16;
inline constexpr int64_t kUnitsPerElement = 64;
// Of nested syntax, of nested values, and of nested evaluation, which macros
// that call each other deepen further.  Keeps the recursion within a stack of
// 8 MB under a sanitizer too.
inline constexpr int kMaxSyntaxDepth = 250;
inline constexpr int kMaxValueDepth = 100;
inline constexpr int kMaxEvaluationDepth = 500;

class Work {
 public:
  explicit Work(int64_t limit) : left_(limit) {}

  // To be called before the work is done or the memory taken.
  // kResourceExhausted: the limit is reached, now and from then on.
  absl::Status Spend(size_t units) {
    if (left_ < 0 || units > static_cast<uint64_t>(left_)) {
      left_ = -1;
      return absl::ResourceExhaustedError(
          "the template takes more work than is allowed; does it loop without "
          "an end?");
    }
    left_ -= static_cast<int64_t>(units);
    return absl::OkStatus();
  }

 private:
  int64_t left_;
};

}  // namespace ounce::jinja

#endif  // OUNCE_TEXT_JINJA_WORK_H_
