#include "quantize/grid.h"

#include <algorithm>
#include <bit>

#include "core/check.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

// The size most groups have.  Functions for one group are compiled for it
// apart: where a loop takes four vectors, finding out its length would take as
// long.
constexpr size_t kUsualGroup = 32;

struct Range {
  float low;
  float high;
};

// An integer in the order of the floats, and the way back, which is the same:
// negative floats have their magnitude's bits turned.
int32_t Ordered(int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); }

// The least and the largest of the weights and of `first`.  As integers,
// because a compiler may not change the order of float comparisons and so not
// use vectors; -0 comes before 0.
OUNCE_VECTORIZE_PART Range RangeOfCount(const float* weights, size_t count,
                                        float first) {
  int32_t low = Ordered(std::bit_cast<int32_t>(first));
  int32_t high = low;
  for (size_t i = 0; i < count; ++i) {
    const int32_t value = Ordered(std::bit_cast<int32_t>(weights[i]));
    low = std::min(low, value);
    high = std::max(high, value);
  }
  return {std::bit_cast<float>(Ordered(low)),
          std::bit_cast<float>(Ordered(high))};
}

OUNCE_VECTORIZE Range RangeOf(absl::Span<const float> weights, float first) {
  if (weights.size() == kUsualGroup) {
    return RangeOfCount(weights.data(), kUsualGroup, first);
  }
  return RangeOfCount(weights.data(), weights.size(), first);
}

// `codes` may alias anything but the parameters, hence no references.
OUNCE_VECTORIZE_PART void NearestCodesOfCount(const float* weights,
                                              size_t count, GroupScale group,
                                              Grid grid, int8_t* codes) {
  for (size_t i = 0; i < count; ++i) {
    codes[i] = static_cast<int8_t>(NearestCode(weights[i], group, grid));
  }
}

// Sums are taken of this many values side by side.
constexpr size_t kSums = 16;

// The squared errors that one scale leaves, summed, in squares of the scale:
// the weights' own may be out of range.  `errors` has room for `count` rounded
// up to kSums.
OUNCE_VECTORIZE_PART float RoughError(const float* weights, size_t count,
                                      GroupScale group, Grid grid,
                                      float* errors) {
  const auto low = static_cast<float>(grid.low - group.zero_point);
  const auto high = static_cast<float>(grid.high - group.zero_point);
  const float factor = 1.0f / group.scale;
  for (size_t i = 0; i < count; ++i) {
    const float position = weights[i] * factor;
    float level = position < low ? low : position;
    level = level > high ? high : level;
    const float error = position - RoundHalfEven(level);
    errors[i] = error * error;
  }
  size_t end = count;
  for (; end % kSums != 0; ++end) errors[end] = 0.0f;
  for (size_t i = kSums; i < end; i += kSums) {
    // Unrolled, it would no longer look like a loop to the vectoriser.
#pragma GCC unroll 1
    for (size_t s = 0; s < kSums; ++s) errors[s] += errors[i + s];
  }
  float sums[4];
  for (size_t s = 0; s < 4; ++s) {
    sums[s] = (errors[s] + errors[s + 4]) + (errors[s + 8] + errors[s + 12]);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

OUNCE_VECTORIZE_PART bool LosesLessOfCount(const float* weights, size_t count,
                                           GroupScale a, GroupScale b,
                                           Grid grid) {
  float a_errors[kMaxCompared];
  float b_errors[kMaxCompared];
  const float ratio = b.scale / a.scale;
  return RoughError(weights, count, a, grid, a_errors) <
         RoughError(weights, count, b, grid, b_errors) * (ratio * ratio);
}

}  // namespace

OUNCE_VECTORIZE bool LosesLess(absl::Span<const float> weights, GroupScale a,
                               GroupScale b, const Grid& grid) {
  OUNCE_DCHECK(weights.size() <= kMaxCompared);
  return weights.size() == kUsualGroup
             ? LosesLessOfCount(weights.data(), kUsualGroup, a, b, grid)
             : LosesLessOfCount(weights.data(), weights.size(), a, b, grid);
}

OUNCE_VECTORIZE void NearestCodes(absl::Span<const float> weights,
                                  GroupScale group, const Grid& grid,
                                  int8_t* codes) {
  if (group.scale == 0.0f) {
    std::fill_n(codes, weights.size(), static_cast<int8_t>(group.zero_point));
    return;
  }
  if (weights.size() == kUsualGroup) {
    NearestCodesOfCount(weights.data(), kUsualGroup, group, grid, codes);
  } else {
    NearestCodesOfCount(weights.data(), weights.size(), group, grid, codes);
  }
}

double SquaredError(absl::Span<const float> weights, GroupScale group,
                    const int8_t* codes) {
  double sum = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const float restored =
        group.scale * static_cast<float>(codes[i] - group.zero_point);
    const double error = double{weights[i]} - double{restored};
    sum += error * error;
  }
  return sum;
}

float LeastWeight(absl::Span<const float> weights) {
  return RangeOf(weights, 0.0f).low;
}

GroupScale AbsMaxScale(absl::Span<const float> weights, const Grid& grid) {
  if (weights.empty()) return {};
  if (grid.has_zero_point) {
    const Range range = RangeOf(weights, 0.0f);
    return {(range.high - range.low) / grid.divisor, 0};
  }
  const Range range = RangeOf(weights, weights[0]);
  const float magnitude = std::max(std::abs(range.low), std::abs(range.high));
  if (grid.divisor > 0) return {magnitude / grid.divisor, 0};
  // The first weight of that magnitude lends its sign.
  if (range.high > -range.low) return {range.high / grid.divisor, 0};
  if (range.high < -range.low) return {range.low / grid.divisor, 0};
  for (const float weight : weights) {
    if (std::abs(weight) == magnitude) return {weight / grid.divisor, 0};
  }
  return {};
}

}  // namespace ounce
