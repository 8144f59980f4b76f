// The half-quadratic descent of one group of weights; see quantize/hqq.h.
#ifndef OUNCE_QUANTIZE_HALF_QUADRATIC_H_
#define OUNCE_QUANTIZE_HALF_QUADRATIC_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/packing/codec.h"
#include "quantize/grid.h"

namespace ounce {

// sum over the group of |weight - scale * (code - zero_point)|^(3/4).
double HalfQuadraticLoss(absl::Span<const float> weights, GroupScale group,
                         const int8_t* codes);

// Not thread-safe: it keeps its memory from group to group.
class HalfQuadraticDescent {
 public:
  explicit HalfQuadraticDescent(Codec codec);

  // The scale and zero point of least loss that are met on the ways from
  // `start`, whose scale is not 0, and from the zero points beside its own: up
  // to rounding in f32 no worse than `start`.  The scale is one that the codec
  // stores, but for codecs whose scales are multiples of something.
  GroupScale Run(absl::Span<const float> weights, GroupScale start);

 private:
  struct Found {
    GroupScale group;
    double loss;
  };

  // With the zero point of `start`.
  Found Descend(GroupScale start) const;
  float Rounded(float scale) const;

  const CodecInfo& codec_;
  const Grid grid_;
  std::vector<float> padded_;  // The weights, and zeros up to whole vectors.
};

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_HALF_QUADRATIC_H_
