// The grids that codecs offer, as arithmetic on one group of weights, or on all
// groups of a row at once where that is what takes a quantiser's time.
#ifndef OUNCE_QUANTIZE_GRID_H_
#define OUNCE_QUANTIZE_GRID_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/types/span.h"
#include "core/checked.h"
#include "core/half.h"
#include "core/packing/codec.h"
#include "core/packing/packed_matrix.h"
#include "core/round.h"

namespace ounce {

// Codes low..high; `divisor` is what absmax divides the largest weight by.
struct Grid {
  int low;
  int high;
  float divisor;
  bool has_zero_point;
};

inline Grid GridOf(Codec codec) {
  switch (codec) {
    case Codec::kInt4:
    case Codec::kInt4Progressive:
      return {-8, 7, -8.0f, false};
    case Codec::kInt4Asymmetric:
      return {0, 15, 15.0f, true};
    default:
      return {-127, 127, 127.0f, false};
  }
}

// Scale and zero point of one group: weight = scale * (code - zero_point).
struct GroupScale {
  float scale = 0.0f;
  int zero_point = 0;
};

// The nearest code of `weight`, less the zero point, for a scale that is not 0.
// By value, because callers write codes, bytes that might alias a reference:
// only so does the compiler vectorise their loops.
inline float NearestLevel(float weight, GroupScale group, Grid grid) {
  // Clamped to the grid before rounding, which gives what clamping afterwards
  // does and stays where RoundHalfEven works.
  const auto low = static_cast<float>(grid.low - group.zero_point);
  const auto high = static_cast<float>(grid.high - group.zero_point);
  float position = weight / group.scale;
  position = position < low ? low : position;
  position = position > high ? high : position;
  return RoundHalfEven(position);
}

inline int NearestCode(float weight, GroupScale group, Grid grid) {
  return static_cast<int>(NearestLevel(weight, group, grid)) + group.zero_point;
}

// Codes of all `weights`; a scale of 0 gives codes that mean 0.
void NearestCodes(absl::Span<const float> weights, GroupScale group,
                  const Grid& grid, int8_t* codes);

// sum over the group of (weight - scale * (code - zero_point))^2.
double SquaredError(absl::Span<const float> weights, GroupScale group,
                    const int8_t* codes);

// Whether this sum is smaller with `a` and the codes nearest to the weights
// than with `b`, up to rounding: in f32 and without divisions, in a fraction of
// the time.  Neither scale is 0, and there are at most kMaxCompared weights.
inline constexpr size_t kMaxCompared = 128;
bool LosesLess(absl::Span<const float> weights, GroupScale a, GroupScale b,
               const Grid& grid);

// The least of the weights and of 0.
float LeastWeight(absl::Span<const float> weights);

// The scale that absmax gives (see round_to_nearest.h), not yet rounded.
GroupScale AbsMaxScale(absl::Span<const float> weights, const Grid& grid);

// Whether a group that is not all zeros, of these codes and this scale, is too
// small for the scales of `codec`: those of f16 that are no normal number, or
// multiples of a unit of which one is still too much.
inline bool IsTooSmall(const CodecInfo& codec, absl::Span<const float> weights,
                       float scale, const int8_t* codes) {
  if (!codec.grouped) return false;
  const auto is_zero = [](auto value) { return value == 0; };
  const bool suspect =
      codec.max_multiple == 0
          ? std::abs(scale) < kF16MinNormal
          : std::all_of(codes, codes + weights.size(), is_zero);
  return suspect && !std::all_of(weights.begin(), weights.end(), is_zero);
}

// One row of `cols` weights in groups of `group_size`, the last of which may be
// shorter.
struct GroupRow {
  const float* weights;
  int64_t cols;
  int64_t group_size;

  int64_t num_groups() const { return DivideUp(cols, group_size); }
  int64_t begin(int64_t group) const { return group * group_size; }
  int64_t size(int64_t group) const {
    return std::min(group_size, cols - begin(group));
  }
  absl::Span<const float> group(int64_t group) const {
    return {weights + begin(group), static_cast<size_t>(size(group))};
  }
};

// The multiples of `unit` up to `most`, a whole number.
struct ScaleMultiples {
  float unit;
  float most;
};

// The functions below fill or read one scale or zero point per group, and do to
// each group what their namesakes above do to one: with neither a call nor a
// branch of unknown outcome per group, which cost as much as the arithmetic.

// AbsMaxScale() of every group.
void AbsMaxScales(GroupRow row, const Grid& grid, float* scales);

// Replaces each absmax scale by one of the two multiples beside it, of its
// sign: the higher unless the lower LosesLess(); 0 stays 0.  The lower clips
// the largest weight, the higher is coarser.  Groups are of at most
// kMaxCompared weights.
void MultiplesBeside(GroupRow row, const Grid& grid, ScaleMultiples multiples,
                     float* scales);

// NearestCodes() of every group.
void NearestRowCodes(GroupRow row, const GroupScale* groups, const Grid& grid,
                     int8_t* codes);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_GRID_H_
