// What goes into the first layer: token embeddings, with whatever a model adds
// to them.
// Source: sinusoids, Vaswani et al., arXiv:1706.03762, section 3.5, the sines
// before the cosines as in Marian; kinds of tokens, BERT, arXiv:1810.04805.
#ifndef OUNCE_RUNTIME_EMBEDDING_H_
#define OUNCE_RUNTIME_EMBEDDING_H_

#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/quantize_rows.h"
#include "runtime/piece.h"
#include "runtime/weights.h"

namespace ounce {

// Keeps scratch memory from call to call; not thread-safe.
class Embedding {
 public:
  // Both must outlive it.
  Embedding(const ModelWeights& weights, KernelContext* context)
      : weights_(weights), context_(*context) {}

  // The embeddings of all tokens, piece after piece: `out` is made [tokens,
  // width].  Positions count from the end of each piece's cache.
  void Embed(const Pieces& pieces, Matrix* out);

 private:
  const ModelSpec& spec() const { return weights_.spec; }
  void LookUp(const Pieces& pieces, Matrix* out) const;
  // Scales them and adds positions and kinds, all of one width; and the norm.
  void Complete(const Pieces& pieces, Matrix* x);
  void Project(MatrixView<const float> x, Matrix* out);
  void AddPositions(const Pieces& pieces, Matrix* x);
  void AddTokenTypes(const Pieces& pieces, Matrix* x);

  const ModelWeights& weights_;
  KernelContext& context_;
  RowQuantizer quantizer_;
  Matrix narrow_, added_;
};

// The values that position `position` adds: sin(position / 10000^(2i / width))
// for the first half of `out`, the cosines for the second.
void FillSinusoid(int64_t position, int64_t width, float* out);

}  // namespace ounce

#endif  // OUNCE_RUNTIME_EMBEDDING_H_
