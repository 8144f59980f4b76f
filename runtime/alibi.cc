#include "runtime/alibi.h"

#include <bit>
#include <cmath>

#include "core/half.h"

namespace ounce {
namespace {

float RoundToBf16(float value) { return BF16ToF32(F32ToBF16(value)); }

// 2^(-8 / heads).
float SlopeRatio(int64_t heads) {
  return static_cast<float>(std::exp2(-8.0 / static_cast<double>(heads)));
}

}  // namespace

std::vector<float> AlibiSlopes(int64_t heads) {
  const auto power =
      static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(heads)));
  std::vector<float> slopes;
  for (int64_t i = 1; i <= power; ++i) {
    slopes.push_back(std::pow(SlopeRatio(power), static_cast<float>(i)));
  }
  // The others lie between those, at the odd powers of twice as many heads.
  for (int64_t i = 1; static_cast<int64_t>(slopes.size()) < heads; i += 2) {
    slopes.push_back(std::pow(SlopeRatio(2 * power), static_cast<float>(i)));
  }
  return slopes;
}

Matrix AlibiBiases(const ModelSpec& spec, int64_t capacity) {
  const std::vector<float> slopes = AlibiSlopes(spec.heads);
  const auto scale = static_cast<float>(spec.alibi_scale);
  Matrix biases(spec.heads, capacity);
  for (int64_t head = 0; head < spec.heads; ++head) {
    const float slope = slopes[static_cast<size_t>(head)];
    for (int64_t p = 0; p < capacity; ++p) {
      const auto position = static_cast<float>(p);
      const float bias =
          spec.alibi_bf16
              ? RoundToBf16(RoundToBf16(slope) * RoundToBf16(position))
              : slope * position;
      biases.row(head)[p] = bias * scale;
    }
  }
  return biases;
}

}  // namespace ounce
