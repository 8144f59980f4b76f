// How fast a model runs: prompts, generation, and what either has to do.
#ifndef OUNCE_RUNTIME_SPEED_H_
#define OUNCE_RUNTIME_SPEED_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/packing/packed_matrix.h"
#include "runtime/executor.h"
#include "runtime/op_times.h"
#include "runtime/weights.h"

namespace ounce {

// What one token asks of the matrices of one op.
struct OpWork {
  int64_t products = 0;       // Multiply-adds.
  int64_t bytes = 0;          // Of weights.
  Codec codec = Codec::kF32;  // Of its largest matrix.
};
// By Op; zero for ops without a matrix.  Of an encoder-decoder the decoder's.
std::array<OpWork, kNumOps> CountWork(const ModelWeights& weights);
// What a token of an encoder-decoder's source asks: the encoder's matrices, and
// the keys and values that the decoder sees of it.
std::array<OpWork, kNumOps> CountSourceWork(const ModelWeights& weights);

// Bytes of keys and values that one token at `position` reads.
int64_t KvBytesRead(const ModelSpec& spec, KvType type, int64_t position);

struct SpeedRun {
  int64_t tokens = 0;           // Of all sequences together.
  std::vector<double> seconds;  // One for each repetition, in order.
  OpTimes op_times = {};        // Seconds of all repetitions together.

  // Tokens per second: of the median repetition, the slowest, the fastest.
  double median() const;
  double slowest() const;
  double fastest() const;
};

// Each sequence of `executor` is brought to `depth` tokens (not timed), then
// `tokens` more go in at once and the logits of the last are computed; once
// unmeasured, then `repetitions` times.  Ids are random.  An encoder, which has
// no depth, reads a text per sequence and computes what its head gives: labels,
// the pooled state, or the logits of one token.
// kOutOfRange: depth + tokens exceed the executor's capacity.
absl::StatusOr<SpeedRun> MeasurePrompt(Executor* executor, int64_t depth,
                                       int64_t tokens, int64_t repetitions);

// Of an encoder-decoder: a source of `tokens` for each sequence goes through
// `encoder` and becomes what that of `decoder` sees.  Both have as many
// sequences.
absl::StatusOr<SpeedRun> MeasureEncoding(Executor* encoder, Executor* decoder,
                                         int64_t tokens, int64_t repetitions);

// As MeasurePrompt(), but the tokens of each sequence go in one at a time with
// logits each, all sequences side by side.  A decoder that sees an encoder must
// have its sources.
absl::StatusOr<SpeedRun> MeasureGeneration(Executor* executor, int64_t depth,
                                           int64_t tokens, int64_t repetitions);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_SPEED_H_
