#include "quantize/round_to_nearest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/half.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "quantize/grid.h"
#include "quantize/scale_search.h"

namespace ounce {
namespace {

// Quantises the groups of one row one after the other.
class GroupRounder {
 public:
  // `row_scale` is the unit of the row's scales, if the codec has one.
  GroupRounder(const QuantizeOptions& options, float row_scale)
      : grid_(GridOf(options.codec)),
        codec_(GetCodecInfo(options.codec)),
        row_scale_(row_scale),
        least_squares_(options.scale == ScaleMethod::kLeastSquares) {}

  // Chooses scale and codes of `weights`, whose absmax scale is `exact`; the
  // scale is not yet checked.
  GroupScale Round(absl::Span<const float> weights, float exact,
                   int8_t* codes) const {
    const float least = grid_.has_zero_point ? LeastWeight(weights) : 0.0f;
    const bool multiples = codec_.max_multiple > 0;
    const GroupScale group =
        multiples ? MultipleBeside(weights, exact) : Stored(exact, least);
    NearestCodes(weights, group, grid_, codes);
    if (!least_squares_ || group.scale == 0.0f) return group;
    const Best absmax = {group, SquaredError(weights, group, codes)};
    const Best best = multiples ? SearchMultiples(weights, absmax)
                                : Search(weights, exact, least, absmax);
    NearestCodes(weights, best.group, grid_, codes);
    return best.group;
  }

 private:
  static constexpr size_t kLanes = ScaleTrials::kLanes;
  struct Best {
    GroupScale group;
    double error;
    // Of equals, the first.
    void Offer(GroupScale other, double other_error) {
      if (other.scale != 0.0f && other_error < error) {
        *this = {other, other_error};
      }
    }
  };

  float Rounded(float scale) const {
    return codec_.round_scale(scale, row_scale_);
  }

  // The scale as it will be stored, with the zero point that belongs to it;
  // `least` is the least of the weights and of 0.
  GroupScale Stored(float scale, float least) const {
    GroupScale group = {Rounded(scale), 0};
    if (grid_.has_zero_point && group.scale != 0.0f) {
      group.zero_point = std::clamp(
          static_cast<int>(std::nearbyint(-least / group.scale)), 0, 15);
    }
    return group;
  }

  // Of the multiples of the row's unit on either side of `scale`, the one with
  // the smaller squared error: the lower clips the largest weight, the higher
  // is coarser.
  GroupScale MultipleBeside(absl::Span<const float> weights,
                            float scale) const {
    if (scale == 0.0f) return GroupScale();
    const auto most = static_cast<float>(codec_.max_multiple);
    const float position = std::min(std::abs(scale) / row_scale_, most);
    const auto lower =
        static_cast<float>(std::max(1, static_cast<int>(position)));
    const float higher = std::min(lower + 1.0f, most);
    const GroupScale fine = {std::copysign(lower * row_scale_, scale)};
    const GroupScale coarse = {std::copysign(higher * row_scale_, scale)};
    return LosesLess(weights, fine, coarse, grid_) ? fine : coarse;
  }

  // Tries scales from 0.6 to 1.2 of the absmax one, of both signs where the
  // grid is lopsided, each refitted to the codes it gives.
  Best Search(absl::Span<const float> weights, float absmax, float least,
              Best best) const {
    const bool lopsided = grid_.low != -grid_.high && !grid_.has_zero_point;
    const int steps = (kSteps + 1) * (lopsided ? 2 : 1);
    for (int first = 0; first < steps; first += int{kLanes}) {
      ScaleTrials trials = {};
      const size_t lanes = std::min<size_t>(kLanes, steps - first);
      for (size_t lane = 0; lane < lanes; ++lane) {
        const int step = first + static_cast<int>(lane);
        const float sign = step <= kSteps ? 1.0f : -1.0f;
        const float factor =
            0.6f +
            0.6f * static_cast<float>(step % (kSteps + 1)) / float{kSteps};
        trials.groups[lane] = Stored(sign * factor * absmax, least);
      }
      best = TryLanes(weights, trials, best);
    }
    return best;
  }

  // Tries the scales of `trials` and what they are refitted to.
  Best TryLanes(absl::Span<const float> weights, ScaleTrials trials,
                Best best) const {
    TryAndFitScales(weights, grid_, &trials);
    ScaleTrials refitted = trials;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      float& scale = refitted.groups[lane].scale;
      if (scale != 0.0f) scale = Rounded(trials.fitted[lane]);
    }
    TryScales(weights, grid_, &refitted);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      best.Offer(trials.groups[lane], trials.errors[lane]);
      best.Offer(refitted.groups[lane], refitted.errors[lane]);
    }
    return best;
  }

  // Tries all scales there are: the multiples of the row's unit, of both signs.
  Best SearchMultiples(absl::Span<const float> weights, Best best) const {
    const int steps = 2 * codec_.max_multiple;
    for (int first = 0; first < steps; first += int{kLanes}) {
      ScaleTrials trials = {};
      const size_t lanes = std::min<size_t>(kLanes, steps - first);
      for (size_t lane = 0; lane < lanes; ++lane) {
        const int step = first + static_cast<int>(lane);
        const auto multiple = static_cast<float>(step / 2 + 1);
        trials.groups[lane].scale =
            step % 2 == 0 ? multiple * row_scale_ : -multiple * row_scale_;
      }
      TryScales(weights, grid_, &trials);
      for (size_t lane = 0; lane < lanes; ++lane) {
        best.Offer(trials.groups[lane], trials.errors[lane]);
      }
    }
    return best;
  }

  static constexpr int kSteps = 24;
  const Grid grid_;
  const CodecInfo& codec_;
  const float row_scale_;
  const bool least_squares_;
};

// One row, group by group; the last may be shorter.
class RowGroups {
 public:
  RowGroups(int64_t cols, int64_t group_size, const Grid& grid)
      : cols_(cols), group_size_(group_size), grid_(grid) {}

  void SetRow(const float* row) {
    row_ = row;
    absmax_.clear();
    for (int64_t g = 0; g < size(); ++g) {
      absmax_.push_back(AbsMaxScale(weights(g), grid_).scale);
    }
  }

  int64_t size() const { return DivideUp(cols_, group_size_); }
  int64_t begin(int64_t g) const { return g * group_size_; }
  absl::Span<const float> weights(int64_t g) const {
    const int64_t end = std::min(cols_, begin(g) + group_size_);
    return absl::MakeConstSpan(row_ + begin(g),
                               static_cast<size_t>(end - begin(g)));
  }
  // The scales that absmax gives, not yet rounded.
  float absmax(int64_t g) const { return absmax_[static_cast<size_t>(g)]; }
  float largest_absmax() const {
    float largest = 0.0f;
    for (const float scale : absmax_) {
      largest = std::max(largest, std::abs(scale));
    }
    return largest;
  }

 private:
  const int64_t cols_;
  const int64_t group_size_;
  const Grid grid_;
  const float* row_ = nullptr;
  std::vector<float> absmax_;
};

// The unit of a row's scales; 0 for codecs that have none.
float RowScale(Codec codec, const RowGroups& groups) {
  const auto row_scale = GetCodecInfo(codec).row_scale;
  return row_scale == nullptr ? 0.0f : row_scale(groups.largest_absmax());
}

absl::Status ScaleTooLarge(int64_t row, int64_t column, float scale) {
  return absl::InvalidArgumentError(absl::StrCat(
      "row ", row, ", columns from ", column, ": scale ", scale,
      " is above the largest f16, 65504; keep this tensor in int8 or float"));
}

// Whether `group` is too small for the scales of its codec: one of f16 that is
// no normal number, or multiples of a unit of which one is still too much.
bool TooSmall(Codec codec, float scale, absl::Span<const float> weights,
              const int8_t* codes) {
  const CodecInfo& info = GetCodecInfo(codec);
  if (!info.grouped) return false;
  const auto is_zero = [](auto value) { return value == 0; };
  if (info.max_multiple == 0) {
    return std::abs(scale) < kF16MinNormal &&
           !std::all_of(weights.begin(), weights.end(), is_zero);
  }
  return std::all_of(codes, codes + weights.size(), is_zero) &&
         !std::all_of(weights.begin(), weights.end(), is_zero);
}

}  // namespace

absl::StatusOr<QuantizeResult> QuantizeRoundToNearest(
    MatrixView<const float> weight, const QuantizeOptions& options) {
  QuantizeResult result;
  QuantizedMatrix& out = result.weight;
  out.rows = weight.rows;
  out.cols = weight.cols;
  out.group_size = options.group_size == 0 ? weight.cols : options.group_size;
  out.codes.resize(static_cast<size_t>(out.rows * out.cols));
  out.scales.reserve(static_cast<size_t>(out.rows * out.num_groups()));
  const Grid grid = GridOf(options.codec);
  RowGroups groups(out.cols, out.group_size, grid);
  for (int64_t row = 0; row < out.rows; ++row) {
    groups.SetRow(weight.row(row));
    const GroupRounder rounder(options, RowScale(options.codec, groups));
    int8_t* codes = out.codes.data() + row * out.cols;
    for (int64_t g = 0; g < groups.size(); ++g) {
      const absl::Span<const float> weights = groups.weights(g);
      int8_t* group_codes = codes + groups.begin(g);
      const GroupScale group =
          rounder.Round(weights, groups.absmax(g), group_codes);
      if (!std::isfinite(group.scale)) {
        return ScaleTooLarge(row, groups.begin(g), group.scale);
      }
      result.tiny_scales +=
          TooSmall(options.codec, group.scale, weights, group_codes);
      out.scales.push_back(group.scale);
      if (grid.has_zero_point) {
        out.zero_points.push_back(static_cast<uint8_t>(group.zero_point));
      }
    }
  }
  return result;
}

}  // namespace ounce
