// The text that a model is calibrated on, as token ids in windows, and what is
// said of it.
#ifndef OUNCE_COMPRESS_CALIBRATION_H_
#define OUNCE_COMPRESS_CALIBRATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/progress.h"
#include "formats/artifact/artifact.h"
#include "kernels/kernel_context.h"
#include "model/spec.h"
#include "runtime/weights.h"
#include "text/tokenizer.h"

namespace ounce {

struct CalibrationOptions {
  int64_t tokens = 32768;  // At most so many; fewer if the text has no more.
  int64_t context = 0;     // Of a window; 0: 512, or the model's if shorter.
  uint64_t seed = 0;       // Which windows of a longer text; what is sampled.
};

struct Calibration {
  // Each is a text of its own, at least one id.
  std::vector<std::vector<int32_t>> windows;
  CalibrationOptions options;  // `context` filled in.
  bool own_text = false;       // The model wrote it.
  std::string sha256;          // Of all ids, as little-endian int32.

  int64_t total_tokens() const;
};

// As an artifact's provenance has it.
CalibrationSource SourceOf(const Calibration& calibration);

// The context that `options` mean for a model, at most `options.tokens`.
// kInvalidArgument: out of range.
absl::StatusOr<int64_t> CalibrationContext(const CalibrationOptions& options,
                                           const ModelSpec& spec);

// Windows of `text`.  Of a causal model's, it is encoded whole and cut into
// windows, as `verify` does, but the last may be shorter; any other sees each
// line as a text with the tokenizer's special tokens, cut to the context.  If
// there are more than `options.tokens` allows, the seed picks which.
// kInvalidArgument: an option out of range, or a text without a token.
absl::StatusOr<Calibration> CalibrateOnText(absl::string_view text,
                                            const Tokenizer& tokenizer,
                                            const ModelSpec& spec,
                                            const CalibrationOptions& options);

// Text that the model writes itself: each window starts with a token drawn from
// its whole vocabulary, and the rest is sampled at temperature 1.
// Source: LLM-QAT, Liu et al., arXiv:2305.17888, section 3.1, without its
// greedy beginning. kUnimplemented: the model writes no text. Errors as
// Executor::Forward().
absl::StatusOr<Calibration> CalibrateOnOwnText(
    const ModelWeights& weights, const CalibrationOptions& options,
    const ProgressCallback& progress, KernelContext* context);

// The same of windows that were sampled before.
// kInvalidArgument: an id outside the vocabulary, an empty window, or none.
absl::StatusOr<Calibration> RestoreOwnText(
    std::vector<std::vector<int32_t>> windows, const ModelSpec& spec,
    const CalibrationOptions& options);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_CALIBRATION_H_
