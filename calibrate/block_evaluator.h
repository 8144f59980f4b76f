// Answers what searches over a block's weights ask: how far its output moves.
// Source: the objective of AWQ, arXiv:2306.00978, section 3.2, taken over the
// whole block as its authors' program does.
#ifndef OUNCE_CALIBRATE_BLOCK_EVALUATOR_H_
#define OUNCE_CALIBRATE_BLOCK_EVALUATOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calibrate/layer_inputs.h"

namespace ounce {

// Holds the outputs of a sample of windows.  Not thread-safe; deterministic for
// any number of threads.
class BlockEvaluator {
 public:
  // `run.layer` is the float block.  Windows are taken evenly from all, until
  // they have `sample_tokens` or there are no more.
  static absl::StatusOr<BlockEvaluator> Create(const LayerRun& run,
                                               int64_t sample_tokens);

  // How far what `layer` gives is from what the float block gave, of the same
  // inputs: the square of the difference over the square of the token's output,
  // the mean over tokens.  Relative, because the norms that follow divide by
  // the size of a token: else the few that models make huge would count alone.
  absl::StatusOr<double> OutputError(const LayerWeights& layer) const;

  // Bytes held for a sample of that many tokens.
  static int64_t MemoryBytes(int64_t sample_tokens, int64_t width) {
    return 2 * sample_tokens * width * 4;
  }

 private:
  explicit BlockEvaluator(const LayerRun& run) : run_(run) {}

  LayerRun run_;
  std::vector<int64_t> windows_;
  std::vector<Matrix> outputs_;  // By windows_.
};

}  // namespace ounce

#endif  // OUNCE_CALIBRATE_BLOCK_EVALUATOR_H_
