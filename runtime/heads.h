// What a model makes of its final hidden states: logits over the vocabulary or
// over labels, a pooled state, the embedding of a text.
// Source: BERT, arXiv:1810.04805, section 3; sentence embeddings,
// arXiv:1908.10084, section 3.
#ifndef OUNCE_RUNTIME_HEADS_H_
#define OUNCE_RUNTIME_HEADS_H_

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/quantize_rows.h"
#include "runtime/weights.h"

namespace ounce {

// The hidden states of one text, [tokens, width], and which of them are
// padding: 0 in `mask`, [tokens], or null if none is.
struct TextStates {
  MatrixView<const float> hidden;
  const uint8_t* mask = nullptr;
};

// Keeps scratch memory from call to call; not thread-safe.
class Heads {
 public:
  // Both must outlive it.
  Heads(const ModelWeights& weights, KernelContext* context)
      : weights_(weights), context_(*context) {}

  // For HeadKind::kLanguageModel: `logits` is [hidden.rows, vocab].
  void Logits(MatrixView<const float> hidden, MatrixView<float> logits);

  // For models with labels: [1, labels], or [tokens, labels] of kTokenLabels.
  Matrix LabelLogits(const TextStates& text);

  // For HeadKind::kNone with a transform: what it makes of the first token's
  // state, [1, width].
  Matrix Pooled(const TextStates& text);

 private:
  const ModelSpec& spec() const { return weights_.spec; }
  Matrix Transform(MatrixView<const float> x);
  Matrix Multiply(MatrixView<const float> x, const LinearWeights& weights);

  const ModelWeights& weights_;
  KernelContext& context_;
  RowQuantizer quantizer_;
  Matrix narrow_;
};

// The state that stands for a text by `pooling`, [width]: of its first token or
// the mean of all that are no padding (0 if all are).
std::vector<float> Pool(const TextStates& text, Pooling pooling);

// Divides `vector` by its Euclidean length, unless that is 0.
void MakeUnit(std::vector<float>* vector);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_HEADS_H_
