// Runs a model: token ids in, hidden states and logits out.  One executor
// serves every architecture; the spec says what a block does.
#ifndef OUNCE_RUNTIME_EXECUTOR_H_
#define OUNCE_RUNTIME_EXECUTOR_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/attention.h"
#include "kernels/kernel_context.h"
#include "kernels/linear.h"
#include "kernels/pointwise.h"
#include "kernels/quantize_rows.h"
#include "runtime/activation_observer.h"
#include "runtime/embedding.h"
#include "runtime/feed_forward.h"
#include "runtime/heads.h"
#include "runtime/kv_cache.h"
#include "runtime/op_times.h"
#include "runtime/piece.h"
#include "runtime/rotary_table.h"
#include "runtime/weights.h"

namespace ounce {

struct ExecutorOptions {
  int64_t sequences = 1;  // That are kept apart and may run together.
  KvType kv = KvType::kF32;
};

// Tokens to append to one sequence.
struct SequenceTokens {
  int64_t sequence = 0;
  absl::Span<const int32_t> ids;  // At least one.
  // Covers all positions up to the last of `ids`; 0 hides one from attention.
  const uint8_t* key_mask = nullptr;
  // The kind of each of `ids`, where a model tells kinds apart; null: all 0.
  const int32_t* token_types = nullptr;
};

// What a decoder sees of a text that went through its encoder: keys and values
// of each of its layers.
struct EncodedSource {
  KvCache cache;
  std::vector<uint8_t> mask;  // Empty: no token is hidden.
};

// Which final hidden states a forward pass gives.
enum class HiddenRows : uint8_t { kAll, kLastOfEach };

// A causal model continues its sequences; one that is not computes each call's
// texts whole, and keeps nothing of them.
// Not thread-safe itself; its products use the context's pool.  Deterministic:
// on one instruction set the bits of the result do not depend on the number of
// threads, and quantised weights give a sequence the same bits whatever runs
// beside it.
class Executor {
 public:
  // `weights` and `context` must outlive it.  `capacity` is the longest
  // sequence, in tokens, at least 1.
  Executor(const ModelWeights& weights, KernelContext* context,
           int64_t capacity, const ExecutorOptions& options = {});

  // Of an encoder-decoder: makes `encoded`, the encoder's hidden states
  // [tokens, width], what `sequence` sees from now on; 0 in `mask` ([tokens] or
  // empty) hides one.  The sequence starts anew. kResourceExhausted: the keys
  // and values do not fit memory.
  absl::Status SetSource(MatrixView<const float> encoded,
                         absl::Span<const uint8_t> mask, int64_t sequence = 0);
  // Makes sequence `to` what `from` is.
  void CopySequence(int64_t from, int64_t to);

  // Appends to each sequence of `batch`, none of them named twice, and leaves
  // the final-norm outputs in `hidden`, made [rows, width]: of all ids in the
  // order of the batch, or of the last id of each of its sequences.
  // kInvalidArgument: an id or a kind of token that the model has not.
  // kFailedPrecondition: a decoder's sequence has no source.
  // kOutOfRange: more tokens than `capacity`, or than learned positions.
  // kResourceExhausted: the cache of `capacity` tokens does not fit memory.
  // After an error the sequences are what they were.
  absl::Status Forward(absl::Span<const SequenceTokens> batch, HiddenRows rows,
                       Matrix* hidden);
  // The first sequence alone, all rows.
  absl::Status Forward(absl::Span<const int32_t> ids, Matrix* hidden,
                       const uint8_t* key_mask = nullptr);

  // Logits of rows of Forward()'s output: `logits` is [hidden.rows, vocab].
  void Logits(MatrixView<const float> hidden, MatrixView<float> logits);
  // The other heads, of models that have them.
  Heads& heads() { return heads_; }

  // Starts a new sequence.
  void Reset(int64_t sequence = 0) { Rewind(0, sequence); }
  // Forgets all but the first `position` tokens, at most as many as there are.
  void Rewind(int64_t position, int64_t sequence = 0);
  int64_t position(int64_t sequence = 0) const {
    return sequences_[static_cast<size_t>(sequence)].cache.size();
  }
  int64_t capacity() const { return capacity_; }
  int64_t sequences() const { return static_cast<int64_t>(sequences_.size()); }
  const ModelSpec& spec() const { return weights_.spec; }

  // Layer by layer, for those who want to see what is between them.  A text is
  // a sequence of its own, from position 0 on, of at most `capacity` tokens,
  // which must be no more than the model has positions for.  Not for decoders
  // that see an encoder.

  // What goes into layer 0: `residual` is made [ids, width].
  // kInvalidArgument: an id that the model has not.
  absl::Status EmbedText(absl::Span<const int32_t> ids, Matrix* residual);
  // Layer `index` with the weights `layer` on `residual` [tokens, width], in
  // place.  False when `observer` (may be null) has stopped it: then `residual`
  // is of no use.
  bool RunLayer(const LayerWeights& layer, int64_t index,
                ActivationObserver* observer, Matrix* residual);
  // What comes after the last layer; `out` may be `residual`.
  void NormalizeFinal(MatrixView<const float> residual, MatrixView<float> out);

  // Where the time of later calls is added up; null: nowhere.
  void set_op_times(OpTimes* times) { op_times_ = times; }

 private:
  struct Sequence {
    KvCache cache;
    // Of a model whose texts turn all positions otherwise once they are long:
    // all tokens, and the length for which their keys were turned.
    std::vector<int32_t> ids = {};
    int64_t length = 0;
    std::shared_ptr<const EncodedSource> source = nullptr;
  };
  // Cosines and sines of the tokens at hand, by one description of positions.
  struct Angles {
    Angles(const RotarySpec& spec, int64_t dims) : table(spec, dims) {}
    void Fill(const Pieces& pieces, int64_t tokens);

    const RotaryTable table;
    Matrix cos, sin;
  };

  absl::Status Check(const SequenceTokens& tokens) const;
  absl::Status CheckIds(const SequenceTokens& tokens) const;
  // Forward() of what passed the checks.
  void Run(absl::Span<const SequenceTokens> batch, HiddenRows rows,
           Matrix* hidden);
  // Computes the keys and values of a sequence anew if `added` tokens make
  // those stored outdated, and notes these tokens.
  void Lengthen(const SequenceTokens& added);
  // Returns the rows that went into `hidden` from `row` on.
  int64_t ForwardPieces(const Pieces& pieces, HiddenRows rows, int64_t row,
                        Matrix* hidden);
  void Embed(const Pieces& pieces);
  // Leaves the attention's output in `attended_`.  False: the observer stopped
  // the layer, as of the next two.
  bool Attend(const LayerWeights& layer, int64_t index, const Pieces& pieces);
  // Turns `query_` and `key_` and stores keys and values.
  void Place(const LayerWeights& layer, int64_t index, const Pieces& pieces);
  // The rest of the layer.
  bool Complete(const LayerWeights& layer, int64_t index, const Pieces& pieces);
  bool AddFeedForward(const LayerWeights& layer);
  // Shows the observer, if any, what products with `weights` read.
  bool Observe(std::initializer_list<const PackedMatrix*> weights,
               MatrixView<const float> x);
  // Adds what the attention gave, in `attended_`, by its output projection.
  void AddAttention(const LinearWeights& output, const NormWeights& output_norm,
                    const NormWeights& sum_norm);
  // What the decoder's tokens see of their sources.
  void AttendToSources(const LayerWeights& layer, int64_t index,
                       const Pieces& pieces);
  // Adds a sub-layer's output projection of `x` to `residual_`.
  void AddProjection(MatrixView<const float> x, const LinearWeights& linear,
                     const NormWeights& output_norm);
  // Adds what a sub-layer gave, in `given`, to `residual_`.
  void AddToResidual(const NormWeights& output_norm, MatrixView<float> given);
  // Drops all rows of `attended_` and `residual_` but the last of each piece
  // that is its sequence's last.
  void KeepLastRows(const Pieces& pieces);
  // Normalises `residual_` if the model does so after each sum.
  void NormalizeSum(const NormWeights& norm);

  // `residual_`, normalised if the model does so before its sub-layers, as the
  // weights want it: quantised when any is.
  MatMulInput SubLayerInput(const NormWeights& norm,
                            std::initializer_list<const PackedMatrix*> weights);
  bool NormalizesInput() const;
  float AttentionScale(int64_t layer) const;

  const ModelWeights& weights_;
  KernelContext& context_;
  const int64_t capacity_;
  const KvType kv_;
  std::vector<Sequence> sequences_;
  std::optional<Angles> angles_, local_angles_;
  const Matrix biases_;  // Of the scores, by position or distance.
  OpTimes* op_times_ = nullptr;
  ActivationObserver* observer_ = nullptr;  // During RunLayer().
  std::optional<KvCache> layer_cache_;      // Of RunLayer().
  RowQuantizer quantizer_;
  Embedding embedding_;
  FeedForward feed_forward_;
  Heads heads_;
  // Rows of `residual_` that each piece has.
  absl::InlinedVector<int64_t, 8> piece_rows_;
  // Activations of the tokens that go through the layers together.
  Matrix residual_, normed_, query_, key_, value_, attended_;
  absl::InlinedVector<AttentionSequence, 8> attention_sequences_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_EXECUTOR_H_
