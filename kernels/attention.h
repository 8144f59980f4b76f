// Scaled dot-product attention over caches of keys and values.
// Source: Vaswani et al., arXiv:1706.03762, section 3.2.1; grouped queries:
// Ainslie et al., arXiv:2305.13245.
#ifndef OUNCE_KERNELS_ATTENTION_H_
#define OUNCE_KERNELS_ATTENTION_H_

#include <cstdint>

#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/kv_layer.h"

namespace ounce {

// Tokens of one sequence that are computed together.
struct AttentionSequence {
  int64_t first_row = 0;  // Of its tokens in the activations.
  int64_t tokens = 0;
  int64_t first_position = 0;  // Of the first token; the others follow.
  KvLayer kv;
  const uint8_t* key_mask = nullptr;  // [positions], 0: hidden; or null.
  int64_t num_keys = 0;  // That are stored; of bidirectional attention alone.
};

struct AttentionArgs {
  MatrixView<const float> query;  // [tokens, heads * head_dim]
  int64_t heads = 0;              // A multiple of the layers' kv_heads.
  // A token sees itself and the window - 1 before (and after it, if it sees
  // these); 0: all.
  int64_t window = 0;
  // The token at position p sees the stored keys at positions <= p; else it
  // sees all `num_keys` of its sequence.
  bool causal = true;
  float scale = 1.0f;
  // Scores become soft_cap * tanh(score / soft_cap), unless this is 0.
  float soft_cap = 0.0f;
  // Added to the scores of head h and the key at position p: row h, column p;
  // with a `bias_origin` of 0 or more, column bias_origin + p - q, q the
  // position of the query.  Empty: nothing.
  MatrixView<const float> biases;
  int64_t bias_origin = -1;
  absl::Span<const AttentionSequence> sequences;
};

// Writes the tokens' keys and values, [tokens, kv_heads * head_dim] each, at
// their positions, which must be within capacity.
void StoreKeysAndValues(KernelContext& context,
                        absl::Span<const AttentionSequence> sequences,
                        MatrixView<const float> keys,
                        MatrixView<const float> values);

// `out` is [tokens, heads * head_dim]; rows of no sequence stay as they are.
void Attention(KernelContext& context, const AttentionArgs& args,
               MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ATTENTION_H_
