// Runs a model: token ids in, hidden states and logits out.  One executor
// serves every architecture; the spec says what a block does.
#ifndef OUNCE_RUNTIME_EXECUTOR_H_
#define OUNCE_RUNTIME_EXECUTOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/quantize_rows.h"
#include "runtime/kv_cache.h"
#include "runtime/rotary_table.h"
#include "runtime/weights.h"

namespace ounce {

// One sequence.  Not thread-safe itself; its products use the context's pool.
// Deterministic: on one instruction set the bits of the result do not depend on
// the number of threads.
class Executor {
 public:
  // `weights` and `context` must outlive it.  `capacity` is the longest
  // sequence, in tokens, at least 1.
  Executor(const ModelWeights& weights, KernelContext* context,
           int64_t capacity);

  // Appends `ids` to the sequence and leaves the final-norm output of each in
  // `hidden`, made [ids, width].  `key_mask`, if not null, covers all positions
  // up to the last of `ids`; 0 hides a position from attention.
  // kInvalidArgument: an id outside the vocabulary.
  // kOutOfRange: more tokens than `capacity`.
  // kResourceExhausted: the cache of `capacity` tokens does not fit memory.
  absl::Status Forward(absl::Span<const int32_t> ids, Matrix* hidden,
                       const uint8_t* key_mask = nullptr);

  // Logits of rows of Forward()'s output: `logits` is [hidden.rows, vocab].
  void Logits(MatrixView<const float> hidden, MatrixView<float> logits);

  // Starts a new sequence.
  void Reset() { cache_.Truncate(0); }
  // Forgets all but the first `position` tokens, at most as many as there are.
  void Rewind(int64_t position) { cache_.Truncate(position); }
  int64_t position() const { return cache_.size(); }
  int64_t capacity() const { return cache_.capacity(); }
  const ModelSpec& spec() const { return weights_.spec; }

 private:
  absl::Status CheckIds(absl::Span<const int32_t> ids) const;
  void ForwardChunk(absl::Span<const int32_t> ids, const uint8_t* key_mask,
                    MatrixView<float> out);
  void Attend(const LayerWeights& layer, int64_t index,
              const uint8_t* key_mask);
  void FeedForward(const LayerWeights& layer);
  // `x` as the weights want it: quantised when any of them is.
  MatMulInput Input(MatrixView<const float> x,
                    std::initializer_list<const PackedMatrix*> weights);
  void Project(const MatMulInput& x, const LinearWeights& linear,
               MatrixView<float> out);

  const ModelWeights& weights_;
  KernelContext& context_;
  const RotaryTable rotary_;
  KvCache cache_;
  RowQuantizer quantizer_;
  // Activations of one chunk of tokens.
  Matrix residual_, normed_, query_, attended_, gate_, up_, cos_, sin_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_EXECUTOR_H_
