// Size arithmetic on numbers that come from files: overflow is a value, not a
// wrapped result.
#ifndef OUNCE_CORE_CHECKED_H_
#define OUNCE_CORE_CHECKED_H_

#include <cstdint>
#include <optional>

#include "absl/types/span.h"

namespace ounce {

inline std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

inline std::optional<int64_t> CheckedMul(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The number of elements of a tensor of this shape; 1 for a scalar.  nullopt
// when a dimension is negative or the product does not fit.
inline std::optional<int64_t> CheckedProduct(absl::Span<const int64_t> shape) {
  int64_t product = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    const std::optional<int64_t> next = CheckedMul(product, dimension);
    if (!next.has_value()) return std::nullopt;
    product = *next;
  }
  return product;
}

// True when [offset, offset + size) lies within [0, limit).
inline bool RangeFits(int64_t offset, int64_t size, int64_t limit) {
  return offset >= 0 && size >= 0 && offset <= limit && size <= limit - offset;
}

constexpr int64_t DivideUp(int64_t value, int64_t divisor) {
  return (value + divisor - 1) / divisor;
}
constexpr int64_t RoundUp(int64_t value, int64_t multiple) {
  return DivideUp(value, multiple) * multiple;
}

}  // namespace ounce

#endif  // OUNCE_CORE_CHECKED_H_
