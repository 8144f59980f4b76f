#include "quantize/round_to_nearest.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "quantize/grid.h"
#include "quantize/scale_search.h"

namespace ounce {
namespace {

float LargestMagnitude(absl::Span<const float> values) {
  float largest = 0.0f;
  for (const float value : values) {
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

// Quantises one row after the other.
class RowRounder {
 public:
  RowRounder(const QuantizeOptions& options, int64_t cols, int64_t group_size)
      : grid_(GridOf(options.codec)),
        codec_(GetCodecInfo(options.codec)),
        least_squares_(options.scale == ScaleMethod::kLeastSquares),
        row_{nullptr, cols, group_size},
        absmax_(static_cast<size_t>(row_.num_groups())),
        groups_(absmax_.size()) {}

  // Chooses the scales and codes of a row of weights.  Returns whether all
  // scales are finite; if not, the codes mean nothing.
  bool Round(const float* weights, int8_t* codes) {
    row_.weights = weights;
    AbsMaxScales(row_, grid_, absmax_.data());
    row_scale_ = 0.0f;
    if (codec_.row_scale != nullptr) {
      row_scale_ = codec_.row_scale(LargestMagnitude(absmax_));
    }
    ChooseScales();
    for (const GroupScale& group : groups_) {
      if (!std::isfinite(group.scale)) return false;
    }
    NearestRowCodes(row_, groups_.data(), grid_, codes);
    if (!least_squares_) return true;
    for (int64_t g = 0; g < row_.num_groups(); ++g) Improve(g, codes);
    return true;
  }

  // How many groups of that row are too small for the scales of the codec.
  int64_t CountTooSmall(const int8_t* codes) const {
    int64_t count = 0;
    for (int64_t g = 0; g < row_.num_groups(); ++g) {
      count += IsTooSmall(codec_, row_.group(g),
                          groups_[static_cast<size_t>(g)].scale,
                          codes + row_.begin(g));
    }
    return count;
  }

  // Of the row that was rounded last.
  const GroupRow& row() const { return row_; }
  const std::vector<GroupScale>& groups() const { return groups_; }

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

  // What absmax gives, as it will be stored.
  void ChooseScales() {
    if (codec_.max_multiple > 0) {
      chosen_ = absmax_;
      MultiplesBeside(row_, grid_,
                      {row_scale_, static_cast<float>(codec_.max_multiple)},
                      chosen_.data());
      for (size_t g = 0; g < groups_.size(); ++g) groups_[g] = {chosen_[g], 0};
      return;
    }
    for (size_t g = 0; g < groups_.size(); ++g) {
      groups_[g] = Stored(absmax_[g], Least(static_cast<int64_t>(g)));
    }
  }

  // Searches for a better scale for one group than it has.
  void Improve(int64_t g, int8_t* codes) {
    GroupScale& group = groups_[static_cast<size_t>(g)];
    if (group.scale == 0.0f) return;
    const absl::Span<const float> weights = row_.group(g);
    int8_t* const group_codes = codes + row_.begin(g);
    const Best absmax = {group, SquaredError(weights, group, group_codes)};
    group =
        codec_.max_multiple > 0
            ? SearchMultiples(weights, absmax).group
            : Search(weights, absmax_[static_cast<size_t>(g)], Least(g), absmax)
                  .group;
    NearestCodes(weights, group, grid_, group_codes);
  }

  float Rounded(float scale) const {
    return codec_.round_scale(scale, row_scale_);
  }

  // The least of a group's weights and of 0, where the zero point asks for it.
  float Least(int64_t g) const {
    return grid_.has_zero_point ? LeastWeight(row_.group(g)) : 0.0f;
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
  const bool least_squares_;
  GroupRow row_;
  float row_scale_ = 0.0f;     // The unit of the scales, if there is one.
  std::vector<float> absmax_;  // Not yet rounded.
  std::vector<float> chosen_;
  std::vector<GroupScale> groups_;
};

absl::Status ScaleTooLarge(int64_t row_index, const GroupRow& row,
                           absl::Span<const GroupScale> groups) {
  const auto first = std::find_if(
      groups.begin(), groups.end(),
      [](const GroupScale& group) { return !std::isfinite(group.scale); });
  return absl::InvalidArgumentError(absl::StrCat(
      "row ", row_index, ", columns from ", row.begin(first - groups.begin()),
      ": scale ", first->scale,
      " is above the largest f16, 65504; keep this tensor in int8 or float"));
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
  out.scales.resize(static_cast<size_t>(out.rows * out.num_groups()));
  const bool has_zero_point = GridOf(options.codec).has_zero_point;
  RowRounder rounder(options, out.cols, out.group_size);
  float* scale = out.scales.data();
  for (int64_t row = 0; row < out.rows; ++row) {
    int8_t* codes = out.codes.data() + row * out.cols;
    if (!rounder.Round(weight.row(row), codes)) {
      return ScaleTooLarge(row, rounder.row(), rounder.groups());
    }
    result.tiny_scales += rounder.CountTooSmall(codes);
    for (const GroupScale& group : rounder.groups()) {
      *scale++ = group.scale;
      if (has_zero_point) {
        out.zero_points.push_back(static_cast<uint8_t>(group.zero_point));
      }
    }
  }
  return result;
}

}  // namespace ounce
