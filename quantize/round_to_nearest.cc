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

// Quantises the groups of one matrix one after the other.
class GroupRounder {
 public:
  explicit GroupRounder(const QuantizeOptions& options)
      : grid_(GridOf(options.codec)),
        round_scale_(GetCodecInfo(options.codec).round_scale),
        least_squares_(options.scale == ScaleMethod::kLeastSquares) {}

  // Chooses scale and codes of `weights`; the scale is not yet checked.
  GroupScale Round(absl::Span<const float> weights, int8_t* codes) const {
    const GroupScale exact = AbsMaxScale(weights, grid_);
    const float least = grid_.has_zero_point ? LeastWeight(weights) : 0.0f;
    const GroupScale group = Stored(exact.scale, least);
    NearestCodes(weights, group, grid_, codes);
    if (!least_squares_ || group.scale == 0.0f) return group;
    const Best best = Search(weights, exact.scale, least,
                             {group, SquaredError(weights, group, codes)});
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

  // The scale as it will be stored, with the zero point that belongs to it;
  // `least` is the least of the weights and of 0.
  GroupScale Stored(float scale, float least) const {
    GroupScale group = {round_scale_(scale), 0};
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
      if (scale != 0.0f) scale = round_scale_(trials.fitted[lane]);
    }
    TryScales(weights, grid_, &refitted);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      best.Offer(trials.groups[lane], trials.errors[lane]);
      best.Offer(refitted.groups[lane], refitted.errors[lane]);
    }
    return best;
  }

  static constexpr int kSteps = 24;
  const Grid grid_;
  float (*const round_scale_)(float);
  const bool least_squares_;
};

absl::Status ScaleTooLarge(int64_t row, int64_t column, float scale) {
  return absl::InvalidArgumentError(absl::StrCat(
      "row ", row, ", columns from ", column, ": scale ", scale,
      " is above the largest f16, 65504; keep this tensor in int8 or float"));
}

bool TooSmall(Codec codec, float scale, absl::Span<const float> weights) {
  if (std::abs(scale) >= kF16MinNormal || !GetCodecInfo(codec).grouped) {
    return false;
  }
  return std::any_of(weights.begin(), weights.end(),
                     [](float weight) { return weight != 0.0f; });
}

}  // namespace

absl::StatusOr<QuantizeResult> QuantizeRoundToNearest(
    MatrixView<const float> weight, const QuantizeOptions& options) {
  QuantizeResult result;
  QuantizedMatrix& out = result.weight;
  out.rows = weight.rows;
  out.cols = weight.cols;
  out.group_size = options.group_size == 0 ? weight.cols : options.group_size;
  const int64_t groups = out.num_groups();
  out.codes.resize(static_cast<size_t>(out.rows * out.cols));
  out.scales.reserve(static_cast<size_t>(out.rows * groups));
  const bool asymmetric = GridOf(options.codec).has_zero_point;
  const GroupRounder rounder(options);
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t begin = g * out.group_size;
      const int64_t end = std::min(out.cols, begin + out.group_size);
      const auto weights = absl::MakeConstSpan(
          weight.row(row) + begin, static_cast<size_t>(end - begin));
      const GroupScale group =
          rounder.Round(weights, out.codes.data() + row * out.cols + begin);
      if (!std::isfinite(group.scale)) {
        return ScaleTooLarge(row, begin, group.scale);
      }
      result.tiny_scales += TooSmall(options.codec, group.scale, weights);
      out.scales.push_back(group.scale);
      if (asymmetric) {
        out.zero_points.push_back(static_cast<uint8_t>(group.zero_point));
      }
    }
  }
  return result;
}

}  // namespace ounce
