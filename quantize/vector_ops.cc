#include "quantize/vector_ops.h"

#include "core/vectorize.h"

namespace ounce {

OUNCE_VECTORIZE void AddScaled(float factor, const float* x, int64_t count,
                               float* sum) {
  for (int64_t i = 0; i < count; ++i) sum[i] += factor * x[i];
}

double DotProduct(const float* a, const float* b, int64_t count) {
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

}  // namespace ounce
