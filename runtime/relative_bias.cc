#include "runtime/relative_bias.h"

#include <algorithm>
#include <cmath>

namespace ounce {

int64_t RelativeBucket(const ModelSpec& spec, int64_t distance) {
  int64_t buckets = spec.relative_buckets;
  int64_t first = 0;
  int64_t size = std::max<int64_t>(0, -distance);
  if (!spec.causal) {
    buckets /= 2;
    if (distance > 0) first = buckets;
    size = std::abs(distance);
  }
  const int64_t exact = buckets / 2;
  if (size < exact) return first + size;
  // In f32 like the reference: at a bucket's edge the rounding decides.
  const float ratio = static_cast<float>(size) / static_cast<float>(exact);
  const auto range = static_cast<float>(
      std::log(static_cast<double>(spec.relative_max_distance) /
               static_cast<double>(exact)));
  const float step =
      std::log(ratio) / range * static_cast<float>(buckets - exact);
  return first + std::min(buckets - 1, exact + static_cast<int64_t>(step));
}

Matrix RelativeBiases(const ModelSpec& spec, MatrixView<const float> table,
                      int64_t capacity) {
  Matrix biases(spec.heads, spec.causal ? capacity : 2 * capacity - 1);
  for (int64_t column = 0; column < biases.cols(); ++column) {
    const int64_t bucket = RelativeBucket(spec, column - (capacity - 1));
    for (int64_t head = 0; head < spec.heads; ++head) {
      biases.row(head)[column] = table.at(bucket, head);
    }
  }
  return biases;
}

}  // namespace ounce
