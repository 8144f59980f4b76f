#include "kernels/attention.h"

#include <algorithm>

#include "core/check.h"
#include "core/checked.h"

namespace ounce {
namespace {

// Rows are the (token, head) pairs of one sequence and one key head, token by
// token: they share almost all keys.
struct RowBlock {
  const AttentionSequence* sequence;
  int64_t kv_head;
  int64_t begin;
  int64_t end;
};

int64_t Group(const AttentionArgs& args, const AttentionSequence& sequence) {
  return args.heads / sequence.kv.kv_heads;
}

int64_t NumBlocks(const AttentionArgs& args,
                  const AttentionSequence& sequence) {
  return DivideUp(sequence.tokens * Group(args, sequence), kMaxAttentionRows) *
         sequence.kv.kv_heads;
}

// The `task`th block of all sequences.
RowBlock FindBlock(const AttentionArgs& args, int64_t task) {
  const AttentionSequence* sequence = args.sequences.data();
  while (task >= NumBlocks(args, *sequence)) {
    task -= NumBlocks(args, *sequence);
    ++sequence;
  }
  const int64_t rows = sequence->tokens * Group(args, *sequence);
  const int64_t begin = task / sequence->kv.kv_heads * kMaxAttentionRows;
  return {sequence, task % sequence->kv.kv_heads, begin,
          std::min(rows, begin + kMaxAttentionRows)};
}

struct KeyRange {
  int64_t begin;
  int64_t end;
};

// The keys that the token at `position` sees.
KeyRange KeysOf(const AttentionArgs& args, const AttentionSequence& sequence,
                int64_t position) {
  KeyRange keys = {0, args.causal ? position + 1 : sequence.num_keys};
  if (args.window == 0) return keys;
  keys.begin = std::max<int64_t>(0, position - args.window + 1);
  keys.end = std::min(keys.end, position + args.window);
  return keys;
}

void AttendBlock(const KernelTable& table, const AttentionArgs& args,
                 const RowBlock& block, float* scratch, MatrixView<float> out) {
  const AttentionSequence& sequence = *block.sequence;
  const int64_t group = Group(args, sequence);
  const float* queries[kMaxAttentionRows];
  float* outs[kMaxAttentionRows];
  int64_t begin_keys[kMaxAttentionRows];
  int64_t end_keys[kMaxAttentionRows];
  const float* biases[kMaxAttentionRows];
  for (int64_t row = block.begin; row < block.end; ++row) {
    const int64_t i = row - block.begin;
    const int64_t token = row / group;
    const int64_t head = block.kv_head * group + row % group;
    const int64_t column = head * sequence.kv.head_dim;
    const int64_t position = sequence.first_position + token;
    queries[i] = args.query.row(sequence.first_row + token) + column;
    outs[i] = out.row(sequence.first_row + token) + column;
    const KeyRange keys = KeysOf(args, sequence, position);
    begin_keys[i] = keys.begin;
    end_keys[i] = keys.end;
    if (args.biases.data == nullptr) continue;
    biases[i] = args.biases.row(head) +
                (args.bias_origin >= 0 ? args.bias_origin - position : 0);
  }
  AttentionTile tile;
  tile.kv = sequence.kv.head(block.kv_head);
  tile.rows = block.end - block.begin;
  tile.queries = queries;
  tile.outs = outs;
  tile.begin_keys = begin_keys;
  tile.end_keys = end_keys;
  tile.scale = args.scale;
  tile.soft_cap = args.soft_cap;
  if (args.biases.data != nullptr) tile.biases = biases;
  tile.key_mask = sequence.key_mask;
  tile.scratch = scratch;
  table.attention(tile);
}

// Bytes of keys and values that all tokens together look at, roughly.
int64_t AttentionCost(const AttentionArgs& args,
                      const AttentionSequence& sequence) {
  const int64_t keys = args.causal ? sequence.first_position + sequence.tokens
                                   : sequence.num_keys;
  return sequence.tokens * keys * sequence.kv.kv_heads * sequence.kv.head_dim *
         2;
}

}  // namespace

void StoreKeysAndValues(KernelContext& context,
                        absl::Span<const AttentionSequence> sequences,
                        MatrixView<const float> keys,
                        MatrixView<const float> values) {
  const auto store_kv = context.table().store_kv;
  for (const AttentionSequence& sequence : sequences) {
    const KvLayer& kv = sequence.kv;
    OUNCE_DCHECK(keys.cols == kv.kv_heads * kv.head_dim);
    OUNCE_DCHECK(sequence.first_position + sequence.tokens <= kv.capacity);
    const int64_t cost = sequence.tokens * keys.cols;
    context.Run(kv.kv_heads, cost, [&](int64_t index, int) {
      const KvHead head = kv.head(index);
      for (int64_t t = 0; t < sequence.tokens; ++t) {
        const int64_t row = sequence.first_row + t;
        store_kv(head, sequence.first_position + t,
                 keys.row(row) + index * kv.head_dim,
                 values.row(row) + index * kv.head_dim);
      }
    });
  }
}

void Attention(KernelContext& context, const AttentionArgs& args,
               MatrixView<float> out) {
  int64_t blocks = 0;
  int64_t cost = 0;
  for (const AttentionSequence& sequence : args.sequences) {
    OUNCE_DCHECK(sequence.kv.kv_heads > 0 &&
                 args.heads % sequence.kv.kv_heads == 0);
    OUNCE_DCHECK(out.cols == args.heads * sequence.kv.head_dim);
    blocks += NumBlocks(args, sequence);
    cost += AttentionCost(args, sequence);
  }
  context.Run(blocks, cost, [&](int64_t task, int worker) {
    const RowBlock block = FindBlock(args, task);
    float* scratch = context.scratch().Floats(
        worker, AttentionScratch(block.sequence->kv.head_dim));
    AttendBlock(context.table(), args, block, scratch, out);
  });
}

}  // namespace ounce
