// Scaled dot-product attention over a cache of keys and values.
// Source: Vaswani et al., arXiv:1706.03762, section 3.2.1; grouped queries:
// Ainslie et al., arXiv:2305.13245.
#ifndef OUNCE_KERNELS_ATTENTION_H_
#define OUNCE_KERNELS_ATTENTION_H_

#include <cstdint>

#include "core/tensor.h"
#include "kernels/kernel_context.h"

namespace ounce {

struct AttentionArgs {
  MatrixView<const float> query;  // [tokens, heads * head_dim]
  // [positions, kv_heads * head_dim] each; the tokens' own keys are in already.
  MatrixView<const float> keys;
  MatrixView<const float> values;
  int64_t heads = 0;  // A multiple of kv_heads.
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t first_position = 0;  // Of the first token; the others follow.
  int64_t window = 0;  // A token sees itself and the window - 1 before; 0: all.
  float scale = 1.0f;
  const uint8_t* key_mask = nullptr;  // [positions], 0: hidden; or null.
};

// Causal: the token at position p sees the keys at positions <= p.
// `out` is [tokens, heads * head_dim].
void Attention(KernelContext& context, const AttentionArgs& args,
               MatrixView<float> out);

}  // namespace ounce

#endif  // OUNCE_KERNELS_ATTENTION_H_
