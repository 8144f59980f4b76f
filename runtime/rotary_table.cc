#include "runtime/rotary_table.h"

#include <algorithm>
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

// base^(2i / dims) for each pair i.
std::vector<float> Periods(double base, int64_t dims) {
  std::vector<float> periods;
  for (int64_t i = 0; i < dims; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dims);
    periods.push_back(std::pow(static_cast<float>(base), exponent));
  }
  return periods;
}

// The pair, as a fraction, that turns `rotations` times within the original
// context.
double YarnPair(const RotarySpec& spec, int64_t dims, double rotations) {
  const double wavelength = static_cast<double>(spec.original_context) /
                            (rotations * 2.0 * std::numbers::pi);
  return static_cast<double>(dims) * std::log(wavelength) /
         (2.0 * std::log(spec.base));
}

// Pairs up to `low` keep their frequency, those from `high` on are slowed by
// `factor`, those between blended.
void ScaleYarn(const RotarySpec& spec, int64_t dims,
               std::vector<float>* frequencies) {
  double low = YarnPair(spec, dims, spec.beta_fast);
  double high = YarnPair(spec, dims, spec.beta_slow);
  if (spec.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(dims - 1));
  if (low == high) high += 0.001;  // A step in place of a ramp.
  const auto factor = static_cast<float>(spec.factor);
  for (size_t i = 0; i < frequencies->size(); ++i) {
    const auto place =
        static_cast<float>((static_cast<float>(i) - static_cast<float>(low)) /
                           static_cast<float>(high - low));
    const float kept = 1.0f - std::clamp(place, 0.0f, 1.0f);
    float& frequency = (*frequencies)[i];
    frequency = frequency / factor * (1.0f - kept) + frequency * kept;
  }
}

std::vector<float> LongRope(const RotarySpec& spec, int64_t dims,
                            const std::vector<double>& factors) {
  std::vector<float> frequencies;
  const std::vector<float> periods = Periods(spec.base, dims);
  for (size_t i = 0; i < periods.size(); ++i) {
    frequencies.push_back(1.0f / (static_cast<float>(factors[i]) * periods[i]));
  }
  return frequencies;
}

// A text that is longer than the model's context stretches the base.
double DynamicBase(const RotarySpec& spec, int64_t dims, int64_t length) {
  const double ratio =
      static_cast<double>(length) / static_cast<double>(spec.original_context);
  const double stretch = spec.factor * ratio - (spec.factor - 1.0);
  const double exponent =
      static_cast<double>(dims) / static_cast<double>(dims - 2);
  return spec.base * std::pow(stretch, exponent);
}

std::vector<float> Inverted(std::vector<float> periods) {
  for (float& period : periods) period = 1.0f / period;
  return periods;
}

}  // namespace

RotaryTable::RotaryTable(const RotarySpec& spec, int64_t dims)
    : spec_(spec), dims_(dims) {
  if (spec.scaling == RotaryScaling::kLongRope) {
    frequencies_ = LongRope(spec, dims, spec.short_factors);
    long_frequencies_ = LongRope(spec, dims, spec.long_factors);
    return;
  }
  frequencies_ = Inverted(Periods(spec.base, dims));
  for (float& frequency : frequencies_) {
    if (spec.scaling == RotaryScaling::kLinear) {
      frequency /= static_cast<float>(spec.factor);
    } else if (spec.scaling == RotaryScaling::kLlama3) {
      frequency = ScaleLlama3(spec, frequency);
    }
  }
  if (spec.scaling == RotaryScaling::kYarn) {
    ScaleYarn(spec, dims, &frequencies_);
  }
}

std::vector<float> RotaryTable::Frequencies(int64_t length) const {
  if (length <= spec_.original_context) return frequencies_;
  if (spec_.scaling == RotaryScaling::kLongRope) return long_frequencies_;
  if (spec_.scaling == RotaryScaling::kDynamic) {
    return Inverted(Periods(DynamicBase(spec_, dims_, length), dims_));
  }
  return frequencies_;
}

bool RotaryTable::IsOutdated(int64_t before, int64_t after) const {
  return spec_.scaling == RotaryScaling::kLongRope &&
         (before > spec_.original_context) != (after > spec_.original_context);
}

void RotaryTable::FillRow(const std::vector<float>& frequencies,
                          int64_t position, float* cos, float* sin) const {
  const auto scale = static_cast<float>(spec_.attention_factor);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float angle = static_cast<float>(position) * frequencies[i];
    cos[i] = std::cos(angle) * scale;
    sin[i] = std::sin(angle) * scale;
  }
}

void RotaryTable::Fill(int64_t first_position, int64_t length,
                       MatrixView<float> cos, MatrixView<float> sin) const {
  OUNCE_DCHECK(cos.cols == num_pairs());
  OUNCE_DCHECK(sin.rows == cos.rows && sin.cols == cos.cols);
  // Nothing is allocated unless the text has outgrown the model.
  std::vector<float> grown;
  const bool is_long = length > spec_.original_context;
  if (is_long && spec_.scaling == RotaryScaling::kDynamic) {
    grown = Frequencies(length);
  }
  const std::vector<float>& frequencies =
      !grown.empty()                                         ? grown
      : is_long && spec_.scaling == RotaryScaling::kLongRope ? long_frequencies_
                                                             : frequencies_;
  for (int64_t t = 0; t < cos.rows; ++t) {
    FillRow(frequencies, first_position + t, cos.row(t), sin.row(t));
  }
}

}  // namespace ounce
