#include "runtime/executor.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "runtime/alibi.h"
#include "runtime/relative_bias.h"

namespace ounce {
namespace {

// Tokens that go through the layers together at most.  More would save little
// in the products and cost memory in proportion.
constexpr int64_t kChunkTokens = 512;

Matrix ScoreBiases(const ModelWeights& weights, int64_t capacity) {
  const ModelSpec& spec = weights.spec;
  switch (spec.position) {
    case PositionKind::kAlibi:
      return AlibiBiases(spec, capacity);
    case PositionKind::kRelative:
      return RelativeBiases(spec, weights.relative_bias.view(), capacity);
    default:
      return Matrix();
  }
}

// [tokens, n * width] as [tokens * n, width]; its rows must be adjacent.
MatrixView<float> SplitRows(Matrix* x, int64_t width) {
  return {x->row(0), x->rows() * x->cols() / width, width};
}

}  // namespace

Executor::Executor(const ModelWeights& weights, KernelContext* context,
                   int64_t capacity, const ExecutorOptions& options)
    : weights_(weights),
      context_(*context),
      capacity_(capacity),
      kv_(options.kv),
      biases_(ScoreBiases(weights, capacity)),
      embedding_(weights, context),
      feed_forward_(weights.spec, context),
      heads_(weights, context) {
  for (int64_t i = 0; i < options.sequences; ++i) {
    sequences_.push_back({KvCache(weights.spec, options.kv, capacity)});
  }
  if (spec().uses_rotary(LayerRotary::kGlobal)) {
    angles_.emplace(spec().rotary, spec().rotary_dims(spec().rotary));
  }
  if (spec().uses_rotary(LayerRotary::kLocal)) {
    local_angles_.emplace(spec().local_rotary,
                          spec().rotary_dims(spec().local_rotary));
  }
}

absl::Status Executor::CheckIds(const SequenceTokens& tokens) const {
  for (const int32_t id : tokens.ids) {
    if (id < 0 || id >= spec().vocab) {
      return absl::InvalidArgumentError(absl::StrCat(
          "token id ", id, " is outside the model's vocabulary, 0 to ",
          spec().vocab - 1));
    }
  }
  if (tokens.token_types == nullptr) return absl::OkStatus();
  const int64_t types = std::max<int64_t>(1, spec().token_types);
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    const int32_t type = tokens.token_types[i];
    if (type < 0 || type >= types) {
      return absl::InvalidArgumentError(
          absl::StrCat("token type ", type,
                       " is none that the model has, 0 to ", types - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status Executor::Check(const SequenceTokens& tokens) const {
  const KvCache& cache = sequences_[static_cast<size_t>(tokens.sequence)].cache;
  if (!cache.allocated()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the keys and values of ", capacity(),
                     " tokens; ask for a smaller context or fewer tokens"));
  }
  OUNCE_RETURN_IF_ERROR(CheckIds(tokens));
  if (spec().has_encoder() &&
      sequences_[static_cast<size_t>(tokens.sequence)].source == nullptr) {
    return absl::FailedPreconditionError(
        "the decoder has no source text; encode one and set it first");
  }
  const auto count = static_cast<int64_t>(tokens.ids.size());
  if (count > capacity() - cache.size()) {
    return absl::OutOfRangeError(
        absl::StrCat(cache.size() + count, " tokens in a context of ",
                     capacity(), "; give less text or a larger context"));
  }
  if ((spec().position == PositionKind::kLearned ||
       spec().position == PositionKind::kSinusoidal) &&
      count > spec().max_context - cache.size()) {
    return absl::OutOfRangeError(absl::StrCat(
        cache.size() + count, " tokens, and the model has positions for ",
        spec().max_context, "; give less text"));
  }
  return absl::OkStatus();
}

void Executor::Rewind(int64_t position, int64_t sequence) {
  Sequence& state = sequences_[static_cast<size_t>(sequence)];
  state.cache.Truncate(position);
  if (!state.ids.empty()) state.ids.resize(static_cast<size_t>(position));
}

absl::Status Executor::Forward(absl::Span<const int32_t> ids, Matrix* hidden,
                               const uint8_t* key_mask) {
  return Forward({{0, ids, key_mask}}, HiddenRows::kAll, hidden);
}

absl::Status Executor::Forward(absl::Span<const SequenceTokens> batch,
                               HiddenRows rows, Matrix* hidden) {
  for (const SequenceTokens& tokens : batch) {
    OUNCE_RETURN_IF_ERROR(Check(tokens));
  }
  for (const SequenceTokens& tokens : batch) Lengthen(tokens);
  Run(batch, rows, hidden);
  return absl::OkStatus();
}

void Executor::Lengthen(const SequenceTokens& added) {
  // Local angles have no scaling that depends on the length.
  if (!spec().causal || !angles_.has_value() ||
      spec().rotary.scaling != RotaryScaling::kLongRope) {
    return;
  }
  Sequence& state = sequences_[static_cast<size_t>(added.sequence)];
  const int64_t before = state.cache.size();
  const int64_t after = before + static_cast<int64_t>(added.ids.size());
  if (before > 0 && angles_->table.IsOutdated(state.length, after)) {
    state.cache.Truncate(0);
    Matrix unused(1, spec().width);
    absl::Span<const int32_t> rest = state.ids;
    while (!rest.empty()) {
      const auto taken = rest.subspan(0, kChunkTokens);
      rest.remove_prefix(taken.size());
      ForwardPieces(
          {{&state.cache, taken, added.key_mask, nullptr, after, rest.empty()}},
          HiddenRows::kLastOfEach, 0, &unused);
    }
  }
  state.length = after;
  state.ids.insert(state.ids.end(), added.ids.begin(), added.ids.end());
}

void Executor::Run(absl::Span<const SequenceTokens> batch, HiddenRows rows,
                   Matrix* hidden) {
  int64_t total = 0;
  for (const SequenceTokens& tokens : batch) {
    total += static_cast<int64_t>(tokens.ids.size());
  }
  const auto sequences = static_cast<int64_t>(batch.size());
  hidden->Resize(rows == HiddenRows::kAll ? total : sequences, spec().width);
  int64_t row = 0;
  int64_t room = kChunkTokens;
  Pieces pieces;
  const auto flush = [&] {
    if (!pieces.empty()) row += ForwardPieces(pieces, rows, row, hidden);
    pieces.clear();
    room = kChunkTokens;
  };
  for (const SequenceTokens& tokens : batch) {
    Sequence& state = sequences_[static_cast<size_t>(tokens.sequence)];
    absl::Span<const int32_t> ids = tokens.ids;
    const auto size = static_cast<int64_t>(ids.size());
    const int64_t length = state.cache.size() + size;
    // A text that sees itself on both sides stays whole.
    if (!spec().causal && size > room) flush();
    while (!ids.empty()) {
      const auto taken =
          spec().causal ? ids.subspan(0, static_cast<size_t>(room)) : ids;
      ids.remove_prefix(taken.size());
      pieces.push_back({&state.cache, taken, tokens.key_mask,
                        tokens.token_types, length, ids.empty(),
                        state.source.get()});
      room -= static_cast<int64_t>(taken.size());
      if (room <= 0) flush();
    }
  }
  flush();
}

void Executor::Angles::Fill(const Pieces& pieces, int64_t tokens) {
  cos.Resize(tokens, table.num_pairs());
  sin.Resize(tokens, table.num_pairs());
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    const int64_t end = row + static_cast<int64_t>(piece.ids.size());
    table.Fill(piece.cache->size(), piece.length, cos.view().Rows(row, end),
               sin.view().Rows(row, end));
    row = end;
  }
}

void Executor::Embed(const Pieces& pieces) {
  const OpTimer timer(op_times_, Op::kEmbedding);
  const int64_t tokens = CountTokens(pieces);
  if (angles_.has_value()) angles_->Fill(pieces, tokens);
  if (local_angles_.has_value()) local_angles_->Fill(pieces, tokens);
  embedding_.Embed(pieces, &residual_);
}

int64_t Executor::ForwardPieces(const Pieces& pieces, HiddenRows rows,
                                int64_t row, Matrix* hidden) {
  Embed(pieces);
  piece_rows_.clear();
  for (const Piece& piece : pieces) piece_rows_.push_back(piece.size());
  for (int64_t index = 0; index < spec().layers; ++index) {
    const LayerWeights& layer =
        weights_.layers[static_cast<size_t>(spec().stored_layer(index))];
    Attend(layer, index, pieces);
    if (index + 1 == spec().layers && rows == HiddenRows::kLastOfEach) {
      KeepLastRows(pieces);
      if (residual_.rows() == 0) break;
    }
    Complete(layer, index, pieces);
  }
  if (spec().causal) {
    for (const Piece& piece : pieces) piece.cache->Advance(piece.size());
  }
  const OpTimer timer(op_times_, Op::kNorm);
  const MatrixView<float> out =
      hidden->view().Rows(row, row + residual_.rows());
  NormalizeFinal(residual_.view(), out);
  return residual_.rows();
}

bool Executor::Attend(const LayerWeights& layer, int64_t index,
                      const Pieces& pieces) {
  const int64_t tokens = residual_.rows();
  const int64_t head_dim = spec().head_dim;
  query_.Resize(tokens, spec().heads * head_dim);
  key_.Resize(tokens, spec().kv_heads * head_dim);
  value_.Resize(tokens, key_.cols());
  attended_.Resize(tokens, query_.cols());
  const MatMulInput x = SubLayerInput(
      layer.attention_norm,
      {&layer.query.weight, &layer.key.weight, &layer.value.weight});
  if (!Observe({&layer.query.weight, &layer.key.weight, &layer.value.weight},
               x.dense)) {
    return false;
  }
  {
    const OpTimer timer(op_times_, Op::kQkv);
    Linear(context_, x,
           {layer.query.Into(query_.view()), layer.key.Into(key_.view()),
            layer.value.Into(value_.view())});
  }
  Place(layer, index, pieces);
  const OpTimer timer(op_times_, Op::kAttention);
  AttentionArgs args;
  args.query = query_.view();
  args.heads = spec().heads;
  args.window = spec().layer_window(index);
  args.scale = AttentionScale(index);
  args.soft_cap = static_cast<float>(spec().attention_soft_cap);
  args.causal = spec().causal;
  args.biases = biases_.view();
  if (spec().position == PositionKind::kRelative) {
    args.bias_origin = capacity_ - 1;
  }
  args.sequences = attention_sequences_;
  Attention(context_, args, attended_.view());
  return Observe({&layer.output.weight}, attended_.view());
}

void Executor::Place(const LayerWeights& layer, int64_t index,
                     const Pieces& pieces) {
  const OpTimer timer(op_times_, Op::kRotary);
  const int64_t head_dim = spec().head_dim;
  if (spec().qk_norm != QkNorm::kNone) {
    const bool whole = spec().qk_norm == QkNorm::kWhole;
    const MatrixView<float> queries =
        SplitRows(&query_, whole ? query_.cols() : head_dim);
    const MatrixView<float> keys =
        SplitRows(&key_, whole ? key_.cols() : head_dim);
    Normalize(context_, NormOf(spec(), layer.query_norm), queries, queries);
    Normalize(context_, NormOf(spec(), layer.key_norm), keys, keys);
  }
  const LayerRotary choice = spec().layer_kind(index).rotary;
  if (spec().position == PositionKind::kRotary &&
      choice != LayerRotary::kNone) {
    const bool local = choice == LayerRotary::kLocal;
    const Angles& angles = local ? *local_angles_ : *angles_;
    const RotarySpec& rotary = local ? spec().local_rotary : spec().rotary;
    const RotaryPairs pairs =
        rotary.adjacent_pairs ? RotaryPairs::kAdjacent : RotaryPairs::kHalves;
    for (Matrix* x : {&query_, &key_}) {
      Rotary(context_, angles.cos.view(), angles.sin.view(), head_dim,
             x->view(), pairs);
    }
  }
  attention_sequences_.clear();
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    const auto count = static_cast<int64_t>(piece.ids.size());
    attention_sequences_.push_back({row, count, piece.cache->size(),
                                    piece.cache->layer(index), piece.key_mask,
                                    count});
    row += count;
  }
  StoreKeysAndValues(context_, attention_sequences_, key_.view(),
                     value_.view());
}

void Executor::KeepLastRows(const Pieces& pieces) {
  int64_t kept = 0;
  int64_t end = 0;
  for (size_t p = 0; p < pieces.size(); ++p) {
    end += pieces[p].size();
    piece_rows_[p] = pieces[p].is_last ? 1 : 0;
    if (!pieces[p].is_last) continue;
    for (Matrix* matrix : {&attended_, &residual_}) {
      std::copy_n(matrix->row(end - 1), matrix->cols(), matrix->row(kept));
    }
    ++kept;
  }
  attended_.Resize(kept, attended_.cols());
  residual_.Resize(kept, residual_.cols());
}

bool Executor::Complete(const LayerWeights& layer, int64_t index,
                        const Pieces& pieces) {
  // The feed-forward of a parallel layer sees what the attention saw, and adds
  // both.
  if (spec().residual == ResidualOrder::kSerial) {
    AddAttention(layer.output, layer.attention_output_norm,
                 layer.attention_norm);
  }
  if (spec().has_encoder()) AttendToSources(layer, index, pieces);
  return AddFeedForward(layer);
}

void Executor::AddAttention(const LinearWeights& output,
                            const NormWeights& output_norm,
                            const NormWeights& sum_norm) {
  const OpTimer timer(op_times_, Op::kOutput);
  AddProjection(attended_.view(), output, output_norm);
  NormalizeSum(sum_norm);
}

bool Executor::AddFeedForward(const LayerWeights& layer) {
  const auto add_attention = [&] {
    if (spec().residual == ResidualOrder::kSerial) return;
    AddAttention(layer.output, layer.attention_output_norm,
                 layer.attention_norm);
  };
  if (layer.experts != nullptr) {
    SubLayerInput(layer.ffn_norm, {});
    const MatrixView<const float> mixed = feed_forward_.Mix(
        *layer.experts, NormalizesInput() ? normed_.view() : residual_.view(),
        op_times_, observer_);
    add_attention();
    normed_.Resize(mixed.rows, mixed.cols);
    std::copy_n(mixed.data, mixed.rows * mixed.cols, normed_.row(0));
    AddToResidual(layer.ffn_output_norm, normed_.view());
  } else {
    const MatMulInput x = SubLayerInput(
        layer.ffn_norm, {&layer.ffn.gate.weight, &layer.ffn.up.weight});
    if (!Observe({&layer.ffn.gate.weight, &layer.ffn.up.weight}, x.dense)) {
      return false;
    }
    const MatrixView<const float> hidden =
        feed_forward_.Hidden(layer.ffn, x, op_times_);
    if (!Observe({&layer.ffn.down.weight}, hidden)) return false;
    add_attention();
    const OpTimer timer(op_times_, Op::kDown);
    AddProjection(hidden, layer.ffn.down, layer.ffn_output_norm);
  }
  NormalizeSum(layer.ffn_norm);
  return true;
}

bool Executor::Observe(std::initializer_list<const PackedMatrix*> weights,
                       MatrixView<const float> x) {
  return observer_ == nullptr || observer_->Observe(weights, x);
}

void Executor::NormalizeSum(const NormWeights& norm) {
  if (spec().norm_placement != NormPlacement::kSum) return;
  Normalize(context_, NormOf(spec(), norm), residual_.view(), residual_.view());
}

void Executor::AddProjection(MatrixView<const float> x,
                             const LinearWeights& linear,
                             const NormWeights& output_norm) {
  const MatMulInput input =
      ProductInput(context_, x, {&linear.weight}, &quantizer_);
  normed_.Resize(x.rows, spec().width);
  const Projection projection = linear.Into(normed_.view());
  if (output_norm.weight.empty() && spec().residual_scale == 1.0) {
    LinearAdd(context_, input, projection, residual_.view());
    return;
  }
  Linear(context_, input, {projection});
  AddToResidual(output_norm, normed_.view());
}

void Executor::AddToResidual(const NormWeights& output_norm,
                             MatrixView<float> given) {
  if (!output_norm.weight.empty()) {
    Normalize(context_, NormOf(spec(), output_norm), given, given);
  }
  if (spec().residual_scale != 1.0) {
    Scale(context_, static_cast<float>(spec().residual_scale), given);
  }
  Add(context_, given, residual_.view());
}

bool Executor::NormalizesInput() const {
  return spec().norm_placement == NormPlacement::kInput ||
         spec().norm_placement == NormPlacement::kInputAndOutput;
}

float Executor::AttentionScale(int64_t layer) const {
  const float root = std::sqrt(static_cast<float>(spec().head_dim));
  const float scale = spec().attention_scale > 0.0
                          ? static_cast<float>(spec().attention_scale)
                          : 1.0f / root;
  return spec().attention_scale_by_layer ? scale / static_cast<float>(layer + 1)
                                         : scale;
}

MatMulInput Executor::SubLayerInput(
    const NormWeights& norm,
    std::initializer_list<const PackedMatrix*> weights) {
  const OpTimer timer(op_times_, Op::kNorm);
  if (!NormalizesInput() || norm.weight.empty()) {
    return ProductInput(context_, residual_.view(), weights, &quantizer_);
  }
  normed_.Resize(residual_.rows(), residual_.cols());
  MatMulInput input;
  input.dense = normed_.view();
  if (const QuantizedForms forms = FormsFor(weights); forms.any()) {
    input = quantizer_.NormAndQuantize(context_, NormOf(spec(), norm),
                                       residual_.view(), normed_.view(), forms);
  } else {
    Normalize(context_, NormOf(spec(), norm), residual_.view(), normed_.view());
  }
  if (spec().residual_from_norm) {
    std::copy_n(normed_.row(0), normed_.rows() * normed_.cols(),
                residual_.row(0));
  }
  return input;
}

void Executor::Logits(MatrixView<const float> hidden,
                      MatrixView<float> logits) {
  const OpTimer timer(op_times_, Op::kHead);
  heads_.Logits(hidden, logits);
}

}  // namespace ounce
