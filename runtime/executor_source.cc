// How a decoder sees the text that went through its encoder.
// Source: Vaswani et al., arXiv:1706.03762, section 3.2.3.
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/executor.h"

namespace ounce {

absl::Status Executor::SetSource(MatrixView<const float> encoded,
                                 absl::Span<const uint8_t> mask,
                                 int64_t sequence) {
  Sequence& state = sequences_[static_cast<size_t>(sequence)];
  auto source = std::make_shared<EncodedSource>(EncodedSource{
      KvCache(spec(), kv_, encoded.rows), {mask.begin(), mask.end()}});
  if (!source->cache.allocated()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the keys and values of ", encoded.rows,
                     " tokens of the source; give less text"));
  }
  key_.Resize(encoded.rows, spec().kv_heads * spec().head_dim);
  value_.Resize(encoded.rows, key_.cols());
  int64_t index = 0;
  for (const LayerWeights& layer : weights_.layers) {
    const MatMulInput x = ProductInput(
        context_, encoded, {&layer.cross_key.weight, &layer.cross_value.weight},
        &quantizer_);
    Linear(context_, x,
           {layer.cross_key.Into(key_.view()),
            layer.cross_value.Into(value_.view())});
    const AttentionSequence tokens = {0, encoded.rows, 0,
                                      source->cache.layer(index++)};
    StoreKeysAndValues(context_, {tokens}, key_.view(), value_.view());
  }
  source->cache.Advance(encoded.rows);
  state.source = std::move(source);
  Rewind(0, sequence);
  return absl::OkStatus();
}

void Executor::CopySequence(int64_t from, int64_t to) {
  if (from == to) return;
  const Sequence& original = sequences_[static_cast<size_t>(from)];
  Sequence& copy = sequences_[static_cast<size_t>(to)];
  copy.cache.CopyFrom(original.cache);
  copy.ids = original.ids;
  copy.length = original.length;
  copy.source = original.source;
}

void Executor::AttendToSources(const LayerWeights& layer, int64_t index,
                               const Pieces& pieces) {
  const MatMulInput x =
      SubLayerInput(layer.cross_norm, {&layer.cross_query.weight});
  query_.Resize(residual_.rows(), spec().heads * spec().head_dim);
  {
    const OpTimer timer(op_times_, Op::kQkv);
    Linear(context_, x, {layer.cross_query.Into(query_.view())});
  }
  attention_sequences_.clear();
  int64_t row = 0;
  for (size_t p = 0; p < pieces.size(); ++p) {
    const EncodedSource& source = *pieces[p].source;
    if (piece_rows_[p] == 0) continue;
    attention_sequences_.push_back(
        {row, piece_rows_[p], 0, source.cache.layer(index),
         source.mask.empty() ? nullptr : source.mask.data(),
         source.cache.size()});
    row += piece_rows_[p];
  }
  attended_.Resize(query_.rows(), query_.cols());
  {
    const OpTimer timer(op_times_, Op::kAttention);
    AttentionArgs args;
    args.query = query_.view();
    args.heads = spec().heads;
    args.scale = AttentionScale(index);
    args.causal = false;
    args.sequences = attention_sequences_;
    Attention(context_, args, attended_.view());
  }
  AddAttention(layer.cross_output, {}, layer.cross_norm);
}

}  // namespace ounce
