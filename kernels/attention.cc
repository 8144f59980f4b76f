#include "kernels/attention.h"

#include <algorithm>

#include "core/check.h"
#include "core/checked.h"

namespace ounce {
namespace {

// Tokens that one task takes of one head: neighbours share almost all keys,
// which therefore stay in cache.
constexpr int64_t kTokensPerTask = 16;

void AttendOne(const KernelTable& table, const AttentionArgs& args,
               int64_t token, int64_t head, float* scores, float* out) {
  const int64_t position = args.first_position + token;
  const int64_t first_key =
      args.window > 0 ? std::max<int64_t>(0, position - args.window + 1) : 0;
  const int64_t kv_offset = head / (args.heads / args.kv_heads) * args.head_dim;
  AttentionRow row;
  row.query = args.query.row(token) + head * args.head_dim;
  row.keys = args.keys.row(first_key) + kv_offset;
  row.values = args.values.row(first_key) + kv_offset;
  row.kv_stride = args.keys.stride;
  row.num_keys = position + 1 - first_key;
  row.head_dim = args.head_dim;
  row.scale = args.scale;
  row.key_mask = args.key_mask == nullptr ? nullptr : args.key_mask + first_key;
  row.scores = scores;
  row.out = out + head * args.head_dim;
  table.attention_row(row);
}

}  // namespace

void Attention(KernelContext& context, const AttentionArgs& args,
               MatrixView<float> out) {
  const int64_t tokens = args.query.rows;
  OUNCE_DCHECK(args.kv_heads > 0 && args.heads % args.kv_heads == 0);
  OUNCE_DCHECK(args.keys.stride == args.values.stride);
  OUNCE_DCHECK(args.first_position + tokens <= args.keys.rows);
  OUNCE_DCHECK(out.rows == tokens && out.cols == args.heads * args.head_dim);
  const int64_t token_blocks = DivideUp(tokens, kTokensPerTask);
  context.pool().Run(args.heads * token_blocks, [&](int64_t task, int worker) {
    const int64_t head = task / token_blocks;
    const int64_t begin = task % token_blocks * kTokensPerTask;
    const int64_t end = std::min(tokens, begin + kTokensPerTask);
    float* scores = context.scratch().Floats(worker, args.first_position + end);
    for (int64_t token = begin; token < end; ++token) {
      AttendOne(context.table(), args, token, head, scores, out.row(token));
    }
  });
}

}  // namespace ounce
