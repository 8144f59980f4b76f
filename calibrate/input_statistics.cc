#include "calibrate/input_statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "kernels/gram.h"

namespace ounce {
namespace {

// Channels of one task.
constexpr int64_t kTaskChannels = 64;

}  // namespace

void MagnitudeHistogram::Add(float value) {
  const uint32_t exponent = std::bit_cast<uint32_t>(value) >> 23 & 0xFF;
  ++counts_[exponent];
  ++total_;
}

MagnitudeHistogram& MagnitudeHistogram::operator+=(
    const MagnitudeHistogram& other) {
  for (size_t bin = 0; bin < counts_.size(); ++bin) {
    counts_[bin] += other.counts_[bin];
  }
  total_ += other.total_;
  return *this;
}

double MagnitudeHistogram::Percentile(double quantile) const {
  if (total_ == 0) return 0.0;
  int64_t below = 0;
  for (int bin = 0; bin < kBins; ++bin) {
    below += counts_[static_cast<size_t>(bin)];
    if (static_cast<double>(below) >= quantile * static_cast<double>(total_)) {
      // Exponent 0 holds zeros and what is next to nothing.
      return bin == 0 ? 0.0 : std::ldexp(1.0, bin - 126);
    }
  }
  return std::ldexp(1.0, kBins - 126);
}

void InputStatisticsCollector::Add(KernelContext& context,
                                   MatrixView<const float> x,
                                   absl::Span<const float> token_scales,
                                   MatrixView<const float> float_x) {
  if (x.rows == 0) return;
  if (tokens_ == 0) {
    const auto in = static_cast<size_t>(x.cols);
    sum_.assign(in, 0.0);
    abs_sum_.assign(in, 0.0);
    abs_max_.assign(in, 0.0f);
    magnitudes_.assign(static_cast<size_t>(DivideUp(x.cols, kTaskChannels)),
                       {});
    if (with_moment_) moment_ = Matrix(x.cols, x.cols);
  }
  tokens_ += x.rows;
  AddChannels(context, x);
  if (!with_moment_) return;
  if (float_x.rows > 0) AddDrift(context, x, token_scales, float_x);
  if (token_scales.empty()) {
    AddGram(context, x, moment_.view());
    return;
  }
  scaled_.Resize(x.rows, x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    const float scale = token_scales[static_cast<size_t>(t)];
    std::transform(x.row(t), x.row(t) + x.cols, scaled_.row(t),
                   [scale](float value) { return value * scale; });
  }
  AddGram(context, scaled_.view(), moment_.view());
}

void InputStatisticsCollector::AddDrift(KernelContext& context,
                                        MatrixView<const float> x,
                                        absl::Span<const float> token_scales,
                                        MatrixView<const float> float_x) {
  if (drift_.rows() == 0) drift_ = Matrix(x.cols, x.cols);
  difference_.Resize(x.rows, x.cols);
  for (int64_t t = 0; t < x.rows; ++t) {
    const float scale =
        token_scales.empty() ? 1.0f : token_scales[static_cast<size_t>(t)];
    // Once for both factors.
    const float square = scale * scale;
    std::transform(
        x.row(t), x.row(t) + x.cols, float_x.row(t), difference_.row(t),
        [square](float own, float other) { return (other - own) * square; });
  }
  AddCrossGram(context, difference_.view(), x, drift_.view());
}

void InputStatisticsCollector::AddChannels(KernelContext& context,
                                           MatrixView<const float> x) {
  context.pool().Run(DivideUp(x.cols, kTaskChannels), [&](int64_t task, int) {
    const int64_t begin = task * kTaskChannels;
    const int64_t end = std::min(x.cols, begin + kTaskChannels);
    MagnitudeHistogram& magnitudes = magnitudes_[static_cast<size_t>(task)];
    for (int64_t t = 0; t < x.rows; ++t) {
      const float* row = x.row(t);
      for (int64_t c = begin; c < end; ++c) {
        const auto i = static_cast<size_t>(c);
        const float magnitude = std::abs(row[c]);
        sum_[i] += row[c];
        abs_sum_[i] += magnitude;
        magnitudes.Add(magnitude);
        // Written so that a NaN stays.
        if (magnitude > abs_max_[i] || std::isnan(magnitude)) {
          abs_max_[i] = magnitude;
        }
      }
    }
  });
}

InputStatistics InputStatisticsCollector::Finish(KernelContext& context) {
  InputStatistics result;
  result.tokens = std::exchange(tokens_, 0);
  if (result.tokens == 0) return result;
  const double scale = 1.0 / static_cast<double>(result.tokens);
  for (size_t c = 0; c < sum_.size(); ++c) {
    result.mean.push_back(static_cast<float>(sum_[c] * scale));
    result.mean_abs.push_back(static_cast<float>(abs_sum_[c] * scale));
  }
  result.abs_max = std::move(abs_max_);
  for (const MagnitudeHistogram& part : magnitudes_) result.magnitudes += part;
  if (!with_moment_) return result;
  result.second_moment = std::exchange(moment_, {});
  for (float& value : result.second_moment.values()) {
    value *= static_cast<float>(scale);
  }
  MirrorLowerTriangle(context, result.second_moment.view());
  result.drift = std::exchange(drift_, {});
  for (float& value : result.drift.values()) {
    value *= static_cast<float>(scale);
  }
  return result;
}

absl::Status CheckStatistics(const InputStatistics& statistics) {
  if (statistics.tokens == 0) {
    return absl::FailedPreconditionError(
        "no calibration token reached it; calibrate with more or other text");
  }
  for (size_t c = 0; c < statistics.mean_abs.size(); ++c) {
    if (std::isfinite(statistics.mean_abs[c]) &&
        std::isfinite(statistics.abs_max[c])) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "its input is NaN or infinite in channel ", c,
        " for some calibration token; look at the checkpoint's weights"));
  }
  return absl::OkStatus();
}

}  // namespace ounce
