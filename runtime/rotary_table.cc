#include "runtime/rotary_table.h"

#include <cmath>
#include <numbers>

#include "core/check.h"

namespace ounce {
namespace {

// Wavelengths longer than the original context are stretched by `factor`, short
// ones kept, those between blended linearly in frequency.
float ScaleLlama3(const RotarySpec& spec, float frequency) {
  const auto context = static_cast<float>(spec.original_context);
  const auto low = static_cast<float>(spec.low_freq_factor);
  const auto high = static_cast<float>(spec.high_freq_factor);
  const auto factor = static_cast<float>(spec.factor);
  const float wavelength =
      static_cast<float>(2.0 * std::numbers::pi) / frequency;
  if (wavelength < context / high) return frequency;
  if (wavelength > context / low) return frequency / factor;
  const float smooth = (context / wavelength - low) / (high - low);
  return (1.0f - smooth) * frequency / factor + smooth * frequency;
}

float Scale(const RotarySpec& spec, float frequency) {
  switch (spec.scaling) {
    case RotaryScaling::kNone:
      return frequency;
    case RotaryScaling::kLinear:
      return frequency / static_cast<float>(spec.factor);
    case RotaryScaling::kLlama3:
      return ScaleLlama3(spec, frequency);
  }
  return frequency;
}

}  // namespace

RotaryTable::RotaryTable(const RotarySpec& spec, int64_t head_dim) {
  const auto base = static_cast<float>(spec.base);
  for (int64_t i = 0; i < head_dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(head_dim);
    frequencies_.push_back(Scale(spec, 1.0f / std::pow(base, exponent)));
  }
}

void RotaryTable::Fill(int64_t first_position, MatrixView<float> cos,
                       MatrixView<float> sin) const {
  OUNCE_DCHECK(cos.cols == static_cast<int64_t>(frequencies_.size()));
  OUNCE_DCHECK(sin.rows == cos.rows && sin.cols == cos.cols);
  for (int64_t t = 0; t < cos.rows; ++t) {
    const auto position = static_cast<float>(first_position + t);
    for (int64_t i = 0; i < cos.cols; ++i) {
      const float angle = position * frequencies_[static_cast<size_t>(i)];
      cos.at(t, i) = std::cos(angle);
      sin.at(t, i) = std::sin(angle);
    }
  }
}

}  // namespace ounce
