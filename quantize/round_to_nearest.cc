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
  GroupScale Round(absl::Span<const float> weights, int8_t* codes) {
    const GroupScale exact = AbsMaxScale(weights, grid_);
    const GroupScale group = Stored(exact.scale, weights);
    NearestCodes(weights, group, grid_, codes);
    if (!least_squares_ || group.scale == 0.0f) return group;
    return Search(weights, exact.scale, group, codes);
  }

 private:
  // The scale as it will be stored, with the zero point that belongs to it.
  GroupScale Stored(float scale, absl::Span<const float> weights) const {
    GroupScale group = {round_scale_(scale), 0};
    if (grid_.has_zero_point && group.scale != 0.0f) {
      float low = 0.0f;
      for (const float weight : weights) low = std::min(low, weight);
      group.zero_point = std::clamp(
          static_cast<int>(std::nearbyint(-low / group.scale)), 0, 15);
    }
    return group;
  }

  // Tries scales from 0.6 to 1.2 of the absmax one, of both signs where the
  // grid is lopsided, each refitted to the codes it gives.
  GroupScale Search(absl::Span<const float> weights, float absmax,
                    GroupScale best, int8_t* codes) {
    double least = SquaredError(weights, best, codes);
    trial_.resize(weights.size());
    const bool lopsided = grid_.low != -grid_.high && !grid_.has_zero_point;
    for (const float sign : {1.0f, -1.0f}) {
      if (sign < 0 && !lopsided) break;
      for (int step = 0; step <= kSteps; ++step) {
        const float factor =
            0.6f + 0.6f * static_cast<float>(step) / float{kSteps};
        GroupScale group = Stored(sign * factor * absmax, weights);
        for (int refit = 0; refit < 2 && group.scale != 0.0f; ++refit) {
          NearestCodes(weights, group, grid_, trial_.data());
          const double error = SquaredError(weights, group, trial_.data());
          if (error < least) {
            least = error;
            best = group;
            std::copy(trial_.begin(), trial_.end(), codes);
          }
          group.scale = round_scale_(FitScale(weights, group.zero_point));
        }
      }
    }
    return best;
  }

  // The scale of least squared error for the codes in `trial_`:
  // sum(w * q) / sum(q * q) with q = code - zero_point.
  float FitScale(absl::Span<const float> weights, int zero_point) const {
    double product = 0.0;
    double square = 0.0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double q = trial_[i] - zero_point;
      product += double{weights[i]} * q;
      square += q * q;
    }
    return square > 0 ? static_cast<float>(product / square) : 0.0f;
  }

  static constexpr int kSteps = 24;
  const Grid grid_;
  float (*const round_scale_)(float);
  const bool least_squares_;
  std::vector<int8_t> trial_;
};

absl::Status ScaleTooLarge(int64_t row, int64_t column, float scale) {
  return absl::InvalidArgumentError(absl::StrCat(
      "row ", row, ", columns from ", column, ": scale ", scale,
      " is above the largest f16, 65504; keep this tensor in int8 or float"));
}

bool TooSmall(Codec codec, float scale, absl::Span<const float> weights) {
  if (!GetCodecInfo(codec).grouped || std::abs(scale) >= kF16MinNormal) {
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
  GroupRounder rounder(options);
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
