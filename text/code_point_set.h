// A set of characters that answers in one memory access.
#ifndef OUNCE_TEXT_CODE_POINT_SET_H_
#define OUNCE_TEXT_CODE_POINT_SET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "text/unicode_tables.h"

namespace ounce {

// Immutable; thread-safe.  Takes 136 kB, of which a text touches little.
class CodePointSet {
 public:
  explicit CodePointSet(absl::Span<const CodePointRange> ranges)
      : bits_(kNumCodePoints / 64) {
    for (const CodePointRange& range : ranges) {
      for (char32_t value = range.first; value <= range.last; ++value) {
        bits_[value / 64] |= uint64_t{1} << (value % 64);
      }
    }
  }

  // REQUIRES: `value` is a code point.
  bool Contains(char32_t value) const {
    return ((bits_[value / 64] >> (value % 64)) & 1) != 0;
  }

 private:
  static constexpr size_t kNumCodePoints = 0x110000;

  std::vector<uint64_t> bits_;
};

}  // namespace ounce

#endif  // OUNCE_TEXT_CODE_POINT_SET_H_
