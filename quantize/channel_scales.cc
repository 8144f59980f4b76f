#include "quantize/channel_scales.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// Alphas are 0 to 1 in so many steps.
constexpr int kAlphaSteps = 20;
// A channel of which the activations are a smaller share than this of the most
// active one's is taken for one of this share: a channel that is as good as
// dead would else move the scales of all others.
constexpr double kLeastAwqShare = 1e-4;

absl::Status CheckMagnitudes(absl::string_view what,
                             absl::Span<const float> values, size_t channels) {
  if (values.size() != channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " is of ", values.size(),
                     " channels; expected ", channels, ", as of the others"));
  }
  for (size_t c = 0; c < channels; ++c) {
    if (std::isfinite(values[c]) && values[c] >= 0.0f) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " of channel ", c, " is ", values[c],
                     "; expected a finite magnitude, which other calibration "
                     "data may give"));
  }
  return absl::OkStatus();
}

absl::Status Check(const ChannelStatistics& statistics, double alpha) {
  if (!(alpha >= 0.0 && alpha <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("alpha is ", alpha, "; expected 0 to 1"));
  }
  const size_t channels = statistics.largest_input.size();
  OUNCE_RETURN_IF_ERROR(
      CheckMagnitudes("largest input", statistics.largest_input, channels));
  OUNCE_RETURN_IF_ERROR(
      CheckMagnitudes("mean input", statistics.mean_input, channels));
  return CheckMagnitudes("largest weight", statistics.largest_weight, channels);
}

bool IsDead(const ChannelStatistics& statistics, size_t c) {
  return statistics.largest_input[c] == 0.0f ||
         statistics.mean_input[c] == 0.0f ||
         statistics.largest_weight[c] == 0.0f;
}

// The formula of a channel whose statistics are all positive.
double Formula(ScaleRule rule, const ChannelStatistics& statistics, size_t c,
               double alpha) {
  if (rule == ScaleRule::kAwq) {
    return std::pow(double{statistics.mean_input[c]}, alpha);
  }
  return std::pow(double{statistics.largest_input[c]}, alpha) /
         std::pow(double{statistics.largest_weight[c]}, 1.0 - alpha);
}

}  // namespace

absl::StatusOr<std::vector<float>> ChannelScales(
    ScaleRule rule, const ChannelStatistics& statistics, double alpha) {
  OUNCE_RETURN_IF_ERROR(Check(statistics, alpha));
  const size_t channels = statistics.largest_input.size();
  std::vector<double> values(channels, 0.0);  // 0: the channel is dead.
  double least = 0.0, most = 0.0;
  for (size_t c = 0; c < channels; ++c) {
    if (IsDead(statistics, c)) continue;
    values[c] = Formula(rule, statistics, c, alpha);
    least = least == 0.0 ? values[c] : std::min(least, values[c]);
    most = std::max(most, values[c]);
  }
  double low = kLeastChannelScale, high = kMostChannelScale, unit = 1.0;
  if (rule == ScaleRule::kAwq) {
    high = most;
    low = std::max(least, most * kLeastAwqShare);
    unit = std::sqrt(low) * std::sqrt(high);
  }
  std::vector<float> scales(channels, 1.0f);
  for (size_t c = 0; c < channels; ++c) {
    if (values[c] == 0.0) continue;
    scales[c] = static_cast<float>(std::clamp(values[c], low, high) / unit);
  }
  return scales;
}

absl::StatusOr<std::vector<ScaleCandidate>> ScaleCandidates(
    ScaleRule rule, const ChannelStatistics& statistics) {
  std::vector<ScaleCandidate> candidates;
  candidates.push_back(
      {std::nullopt,
       std::vector<float>(statistics.largest_input.size(), 1.0f)});
  const int first = rule == ScaleRule::kAwq ? 1 : 0;
  for (int step = first; step <= kAlphaSteps; ++step) {
    const double alpha = static_cast<double>(step) / kAlphaSteps;
    OUNCE_ASSIGN_OR_RETURN(std::vector<float> scales,
                           ChannelScales(rule, statistics, alpha));
    candidates.push_back({alpha, std::move(scales)});
  }
  return candidates;
}

void RaiseToColumnMaxima(MatrixView<const float> rows,
                         absl::Span<float> largest) {
  OUNCE_DCHECK(static_cast<int64_t>(largest.size()) == rows.cols);
  for (int64_t r = 0; r < rows.rows; ++r) {
    const float* row = rows.row(r);
    for (size_t c = 0; c < largest.size(); ++c) {
      largest[c] = std::max(largest[c], std::abs(row[c]));
    }
  }
}

std::vector<float> LargestOfChannels(const ScaleFold& fold,
                                     absl::Span<const float> columns) {
  OUNCE_DCHECK(static_cast<int64_t>(columns.size()) == fold.columns());
  std::vector<float> largest(static_cast<size_t>(fold.channels), 0.0f);
  for (size_t column = 0; column < columns.size(); ++column) {
    float& channel = largest[static_cast<size_t>(
        fold.ChannelOf(static_cast<int64_t>(column)))];
    // Not std::max(), which may lose a NaN.
    if (columns[column] > channel || std::isnan(columns[column])) {
      channel = columns[column];
    }
  }
  return largest;
}

std::vector<float> MeanOfChannels(const ScaleFold& fold,
                                  absl::Span<const float> columns) {
  OUNCE_DCHECK(static_cast<int64_t>(columns.size()) == fold.columns());
  std::vector<double> sums(static_cast<size_t>(fold.channels), 0.0);
  for (size_t column = 0; column < columns.size(); ++column) {
    sums[static_cast<size_t>(fold.ChannelOf(static_cast<int64_t>(column)))] +=
        double{columns[column]};
  }
  std::vector<float> means;
  means.reserve(sums.size());
  for (const double sum : sums) {
    means.push_back(
        static_cast<float>(sum / static_cast<double>(fold.repeats)));
  }
  return means;
}

}  // namespace ounce
