// How much each channel between two steps of a model should be scaled, from
// what the model's inputs looked like there.  model/scale_fold.h says where the
// scales go: activations are divided by them, columns of weights multiplied.
// Sources: Xiao et al., SmoothQuant, arXiv:2211.10438, eq. 4; Lin et al., AWQ,
// arXiv:2306.00978, eq. 4 and 5.
#ifndef OUNCE_QUANTIZE_CHANNEL_SCALES_H_
#define OUNCE_QUANTIZE_CHANNEL_SCALES_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "model/scale_fold.h"

namespace ounce {

// Of each channel, [channels]: magnitudes of what the consumers of a fold read,
// over all tokens, and of the columns with which they do, over all rows of all
// of them.
struct ChannelStatistics {
  std::vector<float> largest_input;   // max|X_j|
  std::vector<float> mean_input;      // mean|X_j|
  std::vector<float> largest_weight;  // max|W_j|
};

enum class ScaleRule {
  // s_j = max|X_j|^alpha / max|W_j|^(1 - alpha): at 0 all columns of weights
  // become alike, at 1 all channels of activations; for products whose input is
  // quantised, too.
  kSmoothQuant,
  // s_j = mean|X_j|^alpha, divided by the root of the largest times the
  // smallest of them, as AWQ's authors do: at 0 nothing changes, at 1 the
  // weights of the most active channels are enlarged most, and so lose least.
  kAwq,
};

// Of kSmoothQuant, scales beyond these bounds are set to them, so that neither
// a narrow float nor a group of weights loses its channels.  Those of kAwq are
// within 0.01 and 100: the smallest power counts as 1e-4 of the largest at
// least.
inline constexpr float kLeastChannelScale = 1e-4f;
inline constexpr float kMostChannelScale = 1e4f;

// The scales of `rule` for `alpha`, 0 to 1.  A channel that was never active or
// that no weight reads has scale 1, and counts for no other's.
// kInvalidArgument, naming the channel: a statistic that is negative or not
// finite; statistics of different sizes, or another alpha.
absl::StatusOr<std::vector<float>> ChannelScales(
    ScaleRule rule, const ChannelStatistics& statistics, double alpha);

struct ScaleCandidate {
  std::optional<double> alpha;  // None: all scales are 1.
  std::vector<float> scales;    // [channels]
};

// What a search for the best alpha tries: no scaling first, then alphas in
// steps of 0.05, of which AWQ's 0 is left out, being no scaling again.
// Errors as ChannelScales().
absl::StatusOr<std::vector<ScaleCandidate>> ScaleCandidates(
    ScaleRule rule, const ChannelStatistics& statistics);

// Raises each of `largest`, [rows.cols], to the largest magnitude of its column
// in `rows`, finite values.
void RaiseToColumnMaxima(MatrixView<const float> rows,
                         absl::Span<float> largest);

// [columns()] -> [channels]: the largest, or the mean, over the columns that
// read a channel.
std::vector<float> LargestOfChannels(const ScaleFold& fold,
                                     absl::Span<const float> columns);
std::vector<float> MeanOfChannels(const ScaleFold& fold,
                                  absl::Span<const float> columns);

}  // namespace ounce

#endif  // OUNCE_QUANTIZE_CHANNEL_SCALES_H_
