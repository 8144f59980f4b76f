// ALiBi: scores are biased by the distance of a key, each head by a slope of
// its own.
// Source: Press et al., arXiv:2108.12409; slopes of a number of heads that is
// no power of two as in the reference implementations of BLOOM and Falcon.
#ifndef OUNCE_RUNTIME_ALIBI_H_
#define OUNCE_RUNTIME_ALIBI_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

// [heads], in (0, 1).
std::vector<float> AlibiSlopes(int64_t heads);

// The bias of each head, [heads, capacity], for the keys at all positions: its
// slope times the position.  A query sees the distances alone, since softmax
// does not change when all scores do.
Matrix AlibiBiases(const ModelSpec& spec, int64_t capacity);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_ALIBI_H_
