#include "quantize/half_quadratic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/checked.h"
#include "core/round.h"
#include "core/vectorize.h"

namespace ounce {
namespace {

// Sums are made of so many weights side by side.
constexpr size_t kLanes = 8;
// Weights whose sums are kept in f32 before they go to doubles.
constexpr size_t kBlock = 512;
// Rounds at most, beta at first, in inverse squares of a step, and its growth:
// the authors' numbers.  Beta 10 takes errors below 0.16 of a step for 0.
constexpr int kRounds = 20;
constexpr float kFirstBeta = 10.0f;
constexpr float kBetaGrowth = 1.01f;

using Lanes = std::array<float, kLanes>;

struct LaneSums {
  Lanes loss, square, product;
};

// Over `count` weights, a multiple of kLanes; `threshold` is 1 / beta.
OUNCE_VECTORIZE_PART LaneSums SumBlock(const float* weights, size_t count,
                                       GroupScale group, Grid grid,
                                       float threshold) {
  const auto low = static_cast<float>(grid.low - group.zero_point);
  const auto high = static_cast<float>(grid.high - group.zero_point);
  const float scale = group.scale;
  LaneSums sums = {};
  for (size_t first = 0; first < count; first += kLanes) {
    OUNCE_KEEP_LOOP
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float position = weights[first + lane] / scale;
      float level = position < low ? low : position;
      level = level > high ? high : level;
      level = RoundHalfEven(level);
      const float error = position - level;
      const float size = std::abs(error);
      const float root = std::sqrt(std::sqrt(size));
      // |e| - |e|^(p - 1) / beta or 0: of an error of 0, less infinity.
      float kept = size - threshold / root;
      kept = kept > 0.0f ? kept : 0.0f;
      const float target = position - std::copysign(kept, error);
      sums.loss[lane] += root * root * root;
      sums.square[lane] += level * level;
      sums.product[lane] += level * target;
    }
  }
  return sums;
}

OUNCE_VECTORIZE LaneSums SumWeights(const float* weights, size_t count,
                                    GroupScale group, const Grid& grid,
                                    float threshold) {
  return SumBlock(weights, count, group, grid, threshold);
}

// Over a group, in steps of its scale: of |error|^(3/4), of the squares of
// levels (code - zero point), and of levels times targets, which are the
// weights less their shrunken errors.
struct Sums {
  double loss = 0.0;
  double square = 0.0;
  double product = 0.0;
};

double Total(const Lanes& lanes) {
  double total = 0.0;
  for (const float lane : lanes) total += double{lane};
  return total;
}

// |value|^(3/4)
double Power(double value) {
  const double root = std::sqrt(std::sqrt(std::abs(value)));
  return root * root * root;
}

}  // namespace

double HalfQuadraticLoss(absl::Span<const float> weights, GroupScale group,
                         const int8_t* codes) {
  double sum = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const float restored =
        group.scale * static_cast<float>(codes[i] - group.zero_point);
    sum += Power(double{weights[i]} - double{restored});
  }
  return sum;
}

HalfQuadraticDescent::HalfQuadraticDescent(Codec codec)
    : codec_(GetCodecInfo(codec)), grid_(GridOf(codec)) {}

GroupScale HalfQuadraticDescent::Run(absl::Span<const float> weights,
                                     GroupScale start) {
  // Zeros add nothing to any sum.
  padded_.assign(RoundUp(weights.size(), kLanes), 0.0f);
  std::copy(weights.begin(), weights.end(), padded_.begin());
  Found found = Descend(start);
  if (!grid_.has_zero_point) return found.group;
  for (const int step : {-1, 1}) {
    const int zero_point = start.zero_point + step;
    if (zero_point < grid_.low || zero_point > grid_.high) continue;
    const Found other = Descend({start.scale, zero_point});
    if (other.loss < found.loss) found = other;
  }
  return found.group;
}

HalfQuadraticDescent::Found HalfQuadraticDescent::Descend(
    GroupScale start) const {
  Found best = {start, std::numeric_limits<double>::infinity()};
  GroupScale tried = start;
  float beta = kFirstBeta;
  for (int round = 0; round < kRounds && tried.scale != 0.0f; ++round) {
    Sums sums;
    for (size_t begin = 0; begin < padded_.size(); begin += kBlock) {
      const LaneSums part = SumWeights(padded_.data() + begin,
                                       std::min(kBlock, padded_.size() - begin),
                                       tried, grid_, 1.0f / beta);
      sums.loss += Total(part.loss);
      sums.square += Total(part.square);
      sums.product += Total(part.product);
    }
    // NaN is no better than anything.
    const double loss = sums.loss * Power(double{tried.scale});
    if (!(loss < best.loss)) break;
    best = {tried, loss};
    // The least squares fit of targets by factor * level.
    tried.scale = Rounded(
        static_cast<float>(sums.product / sums.square * double{tried.scale}));
    beta *= kBetaGrowth;
  }
  return best;
}

// The scale that will be stored, or 0 if it is none.
float HalfQuadraticDescent::Rounded(float scale) const {
  if (!std::isfinite(scale)) return 0.0f;
  if (codec_.max_multiple > 0) return scale;
  const float rounded = codec_.round_scale(scale, 0.0f);
  return std::isfinite(rounded) ? rounded : 0.0f;
}

}  // namespace ounce
