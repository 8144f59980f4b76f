// Scores biased by learned buckets of the distance between query and key.
// Source: Raffel et al., arXiv:1910.10683, section 2.1; buckets as in
// transformers 5.12, T5Attention._relative_position_bucket.
#ifndef OUNCE_RUNTIME_RELATIVE_BIAS_H_
#define OUNCE_RUNTIME_RELATIVE_BIAS_H_

#include <cstdint>

#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

// The bucket of a key `distance` positions behind the query's (negative:
// before it), 0 to relative_buckets - 1: one each for small distances, then
// ever wider ones.  Of a causal model all keys ahead share the query's own.
int64_t RelativeBucket(const ModelSpec& spec, int64_t distance);

// [heads, columns]: the bias of each head by distance; column `capacity` - 1 is
// distance 0.  A causal model has no columns beyond it.  `table` is
// [relative_buckets, heads].
Matrix RelativeBiases(const ModelSpec& spec, MatrixView<const float> table,
                      int64_t capacity);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_RELATIVE_BIAS_H_
