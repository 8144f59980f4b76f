// Sums over vectors, for methods that work on one row of weights at a time.
#ifndef OUNCE_QUANTIZE_VECTOR_OPS_H_
#define OUNCE_QUANTIZE_VECTOR_OPS_H_

#include <cstdint>

namespace ounce {

// sum [count] += factor * x, without overlap.
void AddScaled(float factor, const float* x, int64_t count, float* sum);

// In f64, from first to last.
double DotProduct(const float* a, const float* b, int64_t count);

// Floats between the rows of a large matrix of `cols` columns: whole cache
// lines, but never a power of two, which would map all rows to the same cache
// sets.
constexpr int64_t PaddedStride(int64_t cols) {
  return (cols + 63) / 64 * 64 + 16;
}

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_VECTOR_OPS_H_
