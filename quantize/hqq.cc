#include "quantize/hqq.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "quantize/grid.h"
#include "quantize/half_quadratic.h"
#include "quantize/round_to_nearest.h"

namespace ounce {
namespace {

// Improves one row after the other of a matrix that is quantised already.
class RowRefiner {
 public:
  RowRefiner(Codec codec, QuantizedMatrix* out)
      : codec_(GetCodecInfo(codec)),
        grid_(GridOf(codec)),
        out_(*out),
        absmax_(static_cast<size_t>(out->num_groups())),
        descent_(codec),
        codes_(static_cast<size_t>(out->cols)) {}

  // `weights` [cols] are what row `row` stands for.
  void Refine(const float* weights, int64_t row) {
    row_ = {weights, out_.cols, out_.group_size};
    index_ = row;
    if (codec_.max_multiple > 0) {
      RefineMultiples();
      return;
    }
    for (int64_t g = 0; g < row_.num_groups(); ++g) {
      if (group(g).scale != 0.0f) KeepIfBetter(g, Descend(g));
    }
  }

  // QuantizeResult::tiny_scales of that row.
  int64_t CountTooSmall() const {
    int64_t count = 0;
    for (int64_t g = 0; g < row_.num_groups(); ++g) {
      count += IsTooSmall(codec_, row_.group(g), group(g).scale, codes(g));
    }
    return count;
  }

 private:
  size_t IndexOf(int64_t g) const {
    return static_cast<size_t>(index_ * row_.num_groups() + g);
  }
  GroupScale group(int64_t g) const {
    const size_t i = IndexOf(g);
    return {out_.scales[i], out_.zero_points.empty() ? 0 : out_.zero_points[i]};
  }
  int8_t* codes(int64_t g) const {
    return out_.codes.data() + index_ * out_.cols + row_.begin(g);
  }
  GroupScale Descend(int64_t g) {
    return descent_.Run(row_.group(g), group(g));
  }

  // Gives group `g` the scale `tried` and its codes if it loses less so.
  void KeepIfBetter(int64_t g, GroupScale tried) {
    const absl::Span<const float> weights = row_.group(g);
    NearestCodes(weights, tried, grid_, codes_.data());
    if (!(HalfQuadraticLoss(weights, tried, codes_.data()) <
          HalfQuadraticLoss(weights, group(g), codes(g)))) {
      return;
    }
    std::copy_n(codes_.data(), weights.size(), codes(g));
    out_.scales[IndexOf(g)] = tried.scale;
    if (!out_.zero_points.empty()) {
      out_.zero_points[IndexOf(g)] = static_cast<uint8_t>(tried.zero_point);
    }
  }

  // Of codecs whose scales are multiples of a row's unit: those beside where
  // each group's scale would go if it were free.
  void RefineMultiples() {
    AbsMaxScales(row_, grid_, absmax_.data());
    float largest = 0.0f;
    for (const float scale : absmax_) {
      largest = std::max(largest, std::abs(scale));
    }
    const float unit = codec_.row_scale(largest);
    const auto most = static_cast<float>(codec_.max_multiple);
    for (int64_t g = 0; g < row_.num_groups(); ++g) {
      if (group(g).scale == 0.0f) continue;
      const float free = Descend(g).scale;
      const float lower =
          std::clamp(std::floor(std::abs(free) / unit), 1.0f, most);
      KeepIfBetter(g, {std::copysign(lower * unit, free), 0});
      if (lower == most) continue;
      KeepIfBetter(g, {std::copysign((lower + 1.0f) * unit, free), 0});
    }
  }

  const CodecInfo& codec_;
  const Grid grid_;
  QuantizedMatrix& out_;
  GroupRow row_ = {};
  int64_t index_ = 0;
  std::vector<float> absmax_;  // Not yet rounded.
  HalfQuadraticDescent descent_;
  std::vector<int8_t> codes_;  // Of what is tried.
};

}  // namespace

absl::StatusOr<QuantizeResult> QuantizeHalfQuadratic(
    MatrixView<const float> weight, const QuantizeOptions& options) {
  OUNCE_ASSIGN_OR_RETURN(QuantizeResult result,
                         QuantizeRoundToNearest(weight, options));
  RowRefiner refiner(options.codec, &result.weight);
  result.tiny_scales = 0;
  for (int64_t row = 0; row < weight.rows; ++row) {
    refiner.Refine(weight.row(row), row);
    result.tiny_scales += refiner.CountTooSmall();
  }
  return result;
}

}  // namespace ounce
