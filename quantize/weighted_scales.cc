#include "quantize/weighted_scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/vectorize.h"

namespace ounce {
namespace {

constexpr size_t kLanes = 8;
constexpr int kSteps = 24;

// Scales side by side, one a lane, and their weighted sums.  A lane whose scale
// is 0 means nothing.
struct Lanes {
  std::array<GroupScale, kLanes> groups = {};
  std::array<float, kLanes> errors = {};
  // Of weight * level and of level^2: their ratio is the scale that suits the
  // codes best.
  std::array<float, kLanes> products = {};
  std::array<float, kLanes> squares = {};
};

struct Group {
  const float* weights;
  const float* importance;
  int64_t size;
};

OUNCE_VECTORIZE void Try(Group group, Grid grid, Lanes* lanes) {
  std::array<float, kLanes> scale;
  std::array<float, kLanes> inverse;
  std::array<float, kLanes> low;
  std::array<float, kLanes> high;
  std::array<float, kLanes> error = {};
  std::array<float, kLanes> product = {};
  std::array<float, kLanes> square = {};
  for (size_t i = 0; i < kLanes; ++i) {
    const GroupScale own = lanes->groups[i];
    scale[i] = own.scale;
    inverse[i] = own.scale == 0.0f ? 0.0f : 1.0f / own.scale;
    low[i] = static_cast<float>(grid.low - own.zero_point);
    high[i] = static_cast<float>(grid.high - own.zero_point);
  }
  for (int64_t c = 0; c < group.size; ++c) {
    const float weight = group.weights[c];
    const float importance = group.importance[c];
    OUNCE_KEEP_LOOP
    for (size_t i = 0; i < kLanes; ++i) {
      float level = weight * inverse[i];
      level = level < low[i] ? low[i] : level;
      level = level > high[i] ? high[i] : level;
      level = RoundHalfEven(level);
      const float rest = weight - scale[i] * level;
      const float weighted = importance * level;
      error[i] += importance * rest * rest;
      product[i] += weighted * weight;
      square[i] += weighted * level;
    }
  }
  lanes->errors = error;
  lanes->products = product;
  lanes->squares = square;
}

// The search in one row.
class RowSearch {
 public:
  RowSearch(absl::Span<const float> importance, const CodedRows& rows,
            int64_t row)
      : importance_(importance), rows_(rows), row_(row) {}

  // The scale of one group, where each is a number of its own.
  void ChooseScale(int64_t g, float absmax) {
    const GroupScale present = rows_.group(row_, g);
    if (present.scale == 0.0f) return;
    Enter(g);
    Lanes lanes;
    lanes.groups[0] = present;
    Try(group_, rows_.grid, &lanes);
    Offer(lanes);
    TryFactors(absmax);
    Store(g);
  }

  // The same of the multiples of the row's unit.
  void ChooseMultiple(int64_t g) {
    if (rows_.group(row_, g).scale == 0.0f) return;
    Enter(g);
    TryMultiples();
    Store(g);
  }

 private:
  void Enter(int64_t g) {
    const int64_t begin = g * rows_.group_size;
    group_ = {rows_.weight.row(row_) + begin, importance_.data() + begin,
              std::min(rows_.group_size, rows_.cols() - begin)};
    least_ =
        rows_.grid.has_zero_point
            ? LeastWeight({group_.weights, static_cast<size_t>(group_.size)})
            : 0.0f;
    best_ = {};
    least_error_ = std::numeric_limits<float>::infinity();
  }

  // The best that was offered, if anything was.
  void Store(int64_t g) {
    if (best_.scale == 0.0f) return;
    rows_.scale(row_, g) = best_.scale;
    if (rows_.zero_points != nullptr) {
      rows_.zero_points[row_ * rows_.num_groups() + g] =
          static_cast<uint8_t>(best_.zero_point);
    }
  }

  // As it will be stored, with its zero point; 0 if that is not possible.
  GroupScale Stored(float scale) const {
    GroupScale group = {rows_.Rounded(row_, scale), 0};
    if (!std::isfinite(group.scale)) return {};
    if (rows_.grid.has_zero_point && group.scale != 0.0f) {
      group.zero_point = std::clamp(
          static_cast<int>(std::nearbyint(-least_ / group.scale)), 0, 15);
    }
    return group;
  }

  void Offer(const Lanes& lanes) {
    for (size_t i = 0; i < kLanes; ++i) {
      if (lanes.groups[i].scale != 0.0f && lanes.errors[i] < least_error_) {
        least_error_ = lanes.errors[i];
        best_ = lanes.groups[i];
      }
    }
  }

  void TryFactors(float absmax) {
    const Grid& grid = rows_.grid;
    const bool lopsided = grid.low != -grid.high && !grid.has_zero_point;
    const int steps = (kSteps + 1) * (lopsided ? 2 : 1);
    for (int first = 0; first < steps; first += int{kLanes}) {
      Lanes lanes;
      for (int step = first; step < std::min(steps, first + int{kLanes});
           ++step) {
        const float sign = step <= kSteps ? 1.0f : -1.0f;
        const auto place = static_cast<float>(step % (kSteps + 1));
        lanes.groups[static_cast<size_t>(step - first)] =
            Stored(sign * absmax * (0.6f + 0.6f * place / float{kSteps}));
      }
      Try(group_, grid, &lanes);
      Lanes refitted;
      for (size_t i = 0; i < kLanes; ++i) {
        refitted.groups[i] = lanes.groups[i];
        if (lanes.groups[i].scale == 0.0f || !(lanes.squares[i] > 0.0f)) {
          continue;
        }
        const float scale =
            rows_.Rounded(row_, lanes.products[i] / lanes.squares[i]);
        refitted.groups[i].scale = std::isfinite(scale) ? scale : 0.0f;
      }
      Offer(lanes);
      Try(group_, grid, &refitted);
      Offer(refitted);
    }
  }

  void TryMultiples() {
    const int steps = 2 * rows_.codec->max_multiple;
    for (int first = 0; first < steps; first += int{kLanes}) {
      Lanes lanes;
      for (int step = first; step < std::min(steps, first + int{kLanes});
           ++step) {
        const auto multiple = static_cast<float>(step / 2 + 1);
        const float sign = step % 2 == 0 ? 1.0f : -1.0f;
        lanes.groups[static_cast<size_t>(step - first)].scale =
            sign * multiple * rows_.units[row_];
      }
      Try(group_, rows_.grid, &lanes);
      Offer(lanes);
    }
  }

  const absl::Span<const float> importance_;
  const CodedRows& rows_;
  const int64_t row_;
  Group group_ = {};
  float least_ = 0.0f;
  GroupScale best_;
  float least_error_ = 0.0f;
};

}  // namespace

void ChooseWeightedScales(absl::Span<const float> importance,
                          const CodedRows& rows) {
  std::vector<float> absmax(static_cast<size_t>(rows.num_groups()));
  for (int64_t row = 0; row < rows.rows(); ++row) {
    AbsMaxScales({rows.weight.row(row), rows.cols(), rows.group_size},
                 rows.grid, absmax.data());
    RowSearch search(importance, rows, row);
    for (int64_t g = 0; g < rows.num_groups(); ++g) {
      if (rows.units != nullptr) {
        search.ChooseMultiple(g);
      } else {
        search.ChooseScale(g, absmax[static_cast<size_t>(g)]);
      }
    }
  }
}

}  // namespace ounce
