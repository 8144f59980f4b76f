#include "quantize/grid.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

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

// The largest of the weights above 0 and below it, as the bits of their
// magnitudes; 0 where there is none.
struct Extremes {
  int32_t positive;
  int32_t negative;
};

// Positive floats come in the order of their bits as signed integers, negative
// ones, by magnitude, in that of unsigned ones and after all positive ones.
OUNCE_VECTORIZE_PART Extremes ExtremesOfCount(const float* weights,
                                              size_t count) {
  int32_t positive = 0;
  uint32_t negative = 0x80000000u;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(weights[i]);
    positive = std::max(positive, static_cast<int32_t>(bits));
    negative = std::max(negative, bits);
  }
  return {positive, static_cast<int32_t>(negative & 0x7FFFFFFFu)};
}

// The first of the weights with that magnitude.
float FirstOfMagnitude(absl::Span<const float> weights, float magnitude) {
  for (const float weight : weights) {
    if (std::abs(weight) == magnitude) return weight;
  }
  return 0.0f;
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

// The functions for rows take this many groups at a time and keep what they
// find of each in arrays, so that vectors run over groups.
constexpr int64_t kGroupsAtOnce = 64;

struct GroupExtremes {
  std::array<int32_t, kGroupsAtOnce> positive;
  std::array<int32_t, kGroupsAtOnce> negative;
};

OUNCE_VECTORIZE_PART void FindExtremes(GroupRow row, int64_t begin,
                                       int64_t count, GroupExtremes* out) {
  for (int64_t i = 0; i < count; ++i) {
    const float* weights = row.weights + row.begin(begin + i);
    const auto size = static_cast<size_t>(row.size(begin + i));
    const Extremes extremes = size == kUsualGroup
                                  ? ExtremesOfCount(weights, kUsualGroup)
                                  : ExtremesOfCount(weights, size);
    out->positive[static_cast<size_t>(i)] = extremes.positive;
    out->negative[static_cast<size_t>(i)] = extremes.negative;
  }
}

// The scales of a symmetric grid: absmax divides the largest magnitude or, for
// a negative divisor, the weight that has it.  Returns whether there are groups
// with several such weights, for whose sign no care was taken.
OUNCE_VECTORIZE_PART bool DivideExtremes(const GroupExtremes& extremes,
                                         int64_t count, float divisor,
                                         float* scales) {
  const uint32_t sign_bit = divisor < 0 ? 0x80000000u : 0;
  uint32_t ties = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const int32_t positive = extremes.positive[i];
    const int32_t negative = extremes.negative[i];
    const auto bits = static_cast<uint32_t>(std::max(positive, negative));
    const uint32_t sign = negative > positive ? sign_bit : 0;
    ties |= negative == positive ? sign_bit : 0;
    scales[i] = std::bit_cast<float>(bits | sign) / divisor;
  }
  return ties != 0;
}

// Sums are taken of this many values side by side.
constexpr size_t kSums = 16;

// Adds kSums errors up to the four that stand first.
OUNCE_VECTORIZE_PART void AddToFour(float* errors) {
  // Unrolled, it would no longer look like a loop to the vectoriser.
#pragma GCC unroll 1
  for (size_t s = 0; s < 4; ++s) {
    errors[s] = (errors[s] + errors[s + 4]) + (errors[s + 8] + errors[s + 12]);
  }
}

OUNCE_VECTORIZE_PART float AddFour(const float* errors) {
  return (errors[0] + errors[1]) + (errors[2] + errors[3]);
}

// The square of what one weight loses, in squares of the scale, whose inverse
// is `factor`.
OUNCE_VECTORIZE_PART float RoughSquare(float weight, float factor, float low,
                                       float high) {
  const float position = weight * factor;
  float level = position < low ? low : position;
  level = level > high ? high : level;
  const float error = position - RoundHalfEven(level);
  return error * error;
}

// The squared errors that one scale leaves, summed to the first four of
// `errors`, in squares of the scale: the weights' own may be out of range.
// `errors` has room for `count` rounded up to kSums.
OUNCE_VECTORIZE_PART void FindErrors(const float* weights, size_t count,
                                     GroupScale group, Grid grid,
                                     float* errors) {
  const auto low = static_cast<float>(grid.low - group.zero_point);
  const auto high = static_cast<float>(grid.high - group.zero_point);
  const float factor = 1.0f / group.scale;
  for (size_t i = 0; i < count; ++i) {
    errors[i] = RoughSquare(weights[i], factor, low, high);
  }
  size_t end = count;
  for (; end % kSums != 0; ++end) errors[end] = 0.0f;
  for (size_t i = kSums; i < end; i += kSums) {
#pragma GCC unroll 1
    for (size_t s = 0; s < kSums; ++s) errors[s] += errors[i + s];
  }
  AddToFour(errors);
}

OUNCE_VECTORIZE_PART bool LosesLessOfCount(const float* weights, size_t count,
                                           GroupScale a, GroupScale b,
                                           Grid grid) {
  float a_errors[kMaxCompared] = {};
  float b_errors[kMaxCompared] = {};
  const float ratio = b.scale / a.scale;
  FindErrors(weights, count, a, grid, a_errors);
  FindErrors(weights, count, b, grid, b_errors);
  return AddFour(a_errors) < AddFour(b_errors) * (ratio * ratio);
}

// The multiples beside the scales of some groups, and what LosesLess() computes
// from them.  By group, so that vectors run over groups.
struct MultiplePairs {
  // Four parts of the sum of a group's squared errors.
  using Sums = std::array<float, 4>;

  std::array<float, kGroupsAtOnce> fine;
  std::array<float, kGroupsAtOnce> coarse;
  std::array<float, kGroupsAtOnce> fine_factor;
  std::array<float, kGroupsAtOnce> coarse_factor;
  std::array<float, kGroupsAtOnce> squared_ratio;
  std::array<Sums, kGroupsAtOnce> fine_errors;
  std::array<Sums, kGroupsAtOnce> coarse_errors;
};

OUNCE_VECTORIZE_PART void FindPairs(const float* scales, int64_t count,
                                    ScaleMultiples multiples,
                                    MultiplePairs* pairs) {
  const auto [unit, most] = multiples;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const float position = std::min(std::abs(scales[i]) / unit, most);
    const auto lower =
        static_cast<float>(std::max(1, static_cast<int>(position)));
    const float higher = std::min(lower + 1.0f, most);
    const float fine = std::copysign(lower * unit, scales[i]);
    const float coarse = std::copysign(higher * unit, scales[i]);
    const float ratio = coarse / fine;
    pairs->fine[i] = fine;
    pairs->coarse[i] = coarse;
    pairs->fine_factor[i] = 1.0f / fine;
    pairs->coarse_factor[i] = 1.0f / coarse;
    pairs->squared_ratio[i] = ratio * ratio;
  }
}

// FindErrors() of a usual group for both scales of a pair at once.
OUNCE_VECTORIZE_PART void FindUsualErrors(const float* weights, Grid grid,
                                          size_t i, MultiplePairs* pairs) {
  static_assert(kUsualGroup == 2 * kSums);
  const auto low = static_cast<float>(grid.low);
  const auto high = static_cast<float>(grid.high);
  const float fine = pairs->fine_factor[i];
  const float coarse = pairs->coarse_factor[i];
  float fine_errors[kSums];
  float coarse_errors[kSums];
#pragma GCC unroll 1
  for (size_t s = 0; s < kSums; ++s) {
    const float first = weights[s];
    const float second = weights[s + kSums];
    fine_errors[s] = RoughSquare(first, fine, low, high) +
                     RoughSquare(second, fine, low, high);
    coarse_errors[s] = RoughSquare(first, coarse, low, high) +
                       RoughSquare(second, coarse, low, high);
  }
  AddToFour(fine_errors);
  AddToFour(coarse_errors);
  std::copy_n(fine_errors, 4, pairs->fine_errors[i].begin());
  std::copy_n(coarse_errors, 4, pairs->coarse_errors[i].begin());
}

// The errors of the pair `index`, for a group of `count` weights.
OUNCE_VECTORIZE_PART void FindPairErrors(const float* weights, size_t count,
                                         Grid grid, int64_t index,
                                         MultiplePairs* pairs) {
  const auto i = static_cast<size_t>(index);
  if (count == kUsualGroup) {
    FindUsualErrors(weights, grid, i, pairs);
    return;
  }
  OUNCE_DCHECK(count <= kMaxCompared);
  float errors[kMaxCompared];
  FindErrors(weights, count, {pairs->fine[i], 0}, grid, errors);
  std::copy_n(errors, 4, pairs->fine_errors[i].begin());
  FindErrors(weights, count, {pairs->coarse[i], 0}, grid, errors);
  std::copy_n(errors, 4, pairs->coarse_errors[i].begin());
}

OUNCE_VECTORIZE_PART void TakeBetter(const MultiplePairs& pairs, int64_t count,
                                     float* scales) {
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const float fine_error = AddFour(pairs.fine_errors[i].data());
    const float coarse_error =
        AddFour(pairs.coarse_errors[i].data()) * pairs.squared_ratio[i];
    const float better =
        fine_error < coarse_error ? pairs.fine[i] : pairs.coarse[i];
    scales[i] = scales[i] == 0.0f ? 0.0f : better;
  }
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
  float scale;
  AbsMaxScales({weights.data(), static_cast<int64_t>(weights.size()),
                static_cast<int64_t>(weights.size())},
               grid, &scale);
  return {scale, 0};
}

OUNCE_VECTORIZE void AbsMaxScales(GroupRow row, const Grid& grid,
                                  float* scales) {
  const int64_t groups = row.num_groups();
  if (grid.has_zero_point) {
    for (int64_t g = 0; g < groups; ++g) {
      const Range range = RangeOf(row.group(g), 0.0f);
      scales[g] = (range.high - range.low) / grid.divisor;
    }
    return;
  }
  for (int64_t begin = 0; begin < groups; begin += kGroupsAtOnce) {
    const int64_t count = std::min(kGroupsAtOnce, groups - begin);
    GroupExtremes extremes;
    FindExtremes(row, begin, count, &extremes);
    const bool tie =
        DivideExtremes(extremes, count, grid.divisor, scales + begin);
    for (int64_t i = 0; tie && i < count; ++i) {
      const int32_t bits = extremes.positive[static_cast<size_t>(i)];
      if (bits != extremes.negative[static_cast<size_t>(i)]) continue;
      scales[begin + i] =
          FirstOfMagnitude(row.group(begin + i), std::bit_cast<float>(bits)) /
          grid.divisor;
    }
  }
}

OUNCE_VECTORIZE void MultiplesBeside(GroupRow row, const Grid& grid,
                                     ScaleMultiples multiples, float* scales) {
  const int64_t groups = row.num_groups();
  if (multiples.unit == 0.0f) {
    std::fill_n(scales, groups, 0.0f);
    return;
  }
  for (int64_t begin = 0; begin < groups; begin += kGroupsAtOnce) {
    const int64_t count = std::min(kGroupsAtOnce, groups - begin);
    float* const part = scales + begin;
    MultiplePairs pairs;
    FindPairs(part, count, multiples, &pairs);
    for (int64_t i = 0; i < count; ++i) {
      const float* weights = row.weights + row.begin(begin + i);
      const auto size = static_cast<size_t>(row.size(begin + i));
      FindPairErrors(weights, size, grid, i, &pairs);
    }
    TakeBetter(pairs, count, part);
  }
}

OUNCE_VECTORIZE void NearestRowCodes(GroupRow row, const GroupScale* groups,
                                     const Grid& grid, int8_t* codes) {
  const int64_t num_groups = row.num_groups();
  for (int64_t g = 0; g < num_groups; ++g) {
    const float* weights = row.weights + row.begin(g);
    const auto size = static_cast<size_t>(row.size(g));
    int8_t* const out = codes + row.begin(g);
    if (groups[g].scale == 0.0f) {
      std::fill_n(out, size, static_cast<int8_t>(groups[g].zero_point));
    } else if (size == kUsualGroup) {
      NearestCodesOfCount(weights, kUsualGroup, groups[g], grid, out);
    } else {
      NearestCodesOfCount(weights, size, groups[g], grid, out);
    }
  }
}

}  // namespace ounce
