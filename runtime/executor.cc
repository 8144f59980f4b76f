#include "runtime/executor.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "kernels/pointwise.h"

namespace ounce {
namespace {

// Tokens that go through the layers together at most.  More would save little
// in the products and cost memory in proportion.
constexpr int64_t kChunkTokens = 512;

Activation ToKernel(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return Activation::kSilu;
    case ActivationKind::kGelu:
      return Activation::kGelu;
    case ActivationKind::kGeluTanh:
      return Activation::kGeluTanh;
    case ActivationKind::kRelu:
      return Activation::kRelu;
  }
  return Activation::kSilu;
}

Projection Project(const LinearWeights& linear, Matrix* out) {
  return {&linear.weight, linear.bias_or_null(), out->view()};
}

}  // namespace

Executor::Executor(const ModelWeights& weights, KernelContext* context,
                   int64_t capacity, const ExecutorOptions& options)
    : weights_(weights),
      context_(*context),
      rotary_(weights.spec.rotary, weights.spec.head_dim),
      capacity_(capacity) {
  for (int64_t i = 0; i < options.sequences; ++i) {
    caches_.emplace_back(weights.spec, options.kv, capacity);
  }
}

absl::Status Executor::CheckIds(absl::Span<const int32_t> ids) const {
  for (const int32_t id : ids) {
    if (id < 0 || id >= spec().vocab) {
      return absl::InvalidArgumentError(absl::StrCat(
          "token id ", id, " is outside the model's vocabulary, 0 to ",
          spec().vocab - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status Executor::Check(const SequenceTokens& tokens) const {
  const KvCache& cache = caches_[static_cast<size_t>(tokens.sequence)];
  if (!cache.allocated()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the keys and values of ", capacity(),
                     " tokens; ask for a smaller context or fewer tokens"));
  }
  OUNCE_RETURN_IF_ERROR(CheckIds(tokens.ids));
  const auto count = static_cast<int64_t>(tokens.ids.size());
  if (count > capacity() - cache.size()) {
    return absl::OutOfRangeError(
        absl::StrCat(cache.size() + count, " tokens in a context of ",
                     capacity(), "; give less text or a larger context"));
  }
  return absl::OkStatus();
}

absl::Status Executor::Forward(absl::Span<const int32_t> ids, Matrix* hidden,
                               const uint8_t* key_mask) {
  return Forward({{0, ids, key_mask}}, HiddenRows::kAll, hidden);
}

absl::Status Executor::Forward(absl::Span<const SequenceTokens> batch,
                               HiddenRows rows, Matrix* hidden) {
  int64_t total = 0;
  for (const SequenceTokens& tokens : batch) {
    OUNCE_RETURN_IF_ERROR(Check(tokens));
    total += static_cast<int64_t>(tokens.ids.size());
  }
  const auto sequences = static_cast<int64_t>(batch.size());
  hidden->Resize(rows == HiddenRows::kAll ? total : sequences, spec().width);
  int64_t row = 0;
  int64_t room = kChunkTokens;
  Pieces pieces;
  for (const SequenceTokens& tokens : batch) {
    absl::Span<const int32_t> ids = tokens.ids;
    while (!ids.empty()) {
      const auto taken = ids.subspan(0, static_cast<size_t>(room));
      ids.remove_prefix(taken.size());
      pieces.push_back({&caches_[static_cast<size_t>(tokens.sequence)], taken,
                        tokens.key_mask, ids.empty()});
      room -= static_cast<int64_t>(taken.size());
      if (room > 0) continue;
      row += ForwardPieces(pieces, rows, row, hidden);
      pieces.clear();
      room = kChunkTokens;
    }
  }
  if (!pieces.empty()) ForwardPieces(pieces, rows, row, hidden);
  return absl::OkStatus();
}

void Executor::Embed(const Pieces& pieces) {
  const OpTimer timer(op_times_, Op::kEmbedding);
  int64_t tokens = 0;
  for (const Piece& piece : pieces) {
    tokens += static_cast<int64_t>(piece.ids.size());
  }
  residual_.Resize(tokens, spec().width);
  const auto angles = static_cast<int64_t>(rotary_.frequencies().size());
  cos_.Resize(tokens, angles);
  sin_.Resize(tokens, angles);
  const auto unpack = GetCodecInfo(weights_.embedding.codec).unpack_rows;
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    const int64_t end = row + static_cast<int64_t>(piece.ids.size());
    rotary_.Fill(piece.cache->size(), cos_.view().Rows(row, end),
                 sin_.view().Rows(row, end));
    for (const int32_t id : piece.ids) {
      unpack(weights_.embedding, id, id + 1, residual_.row(row++));
    }
  }
}

int64_t Executor::ForwardPieces(const Pieces& pieces, HiddenRows rows,
                                int64_t row, Matrix* hidden) {
  Embed(pieces);
  const auto last = static_cast<int64_t>(weights_.layers.size()) - 1;
  int64_t index = 0;
  for (const LayerWeights& layer : weights_.layers) {
    Attend(layer, index, pieces);
    if (index++ == last && rows == HiddenRows::kLastOfEach) {
      KeepLastRows(pieces);
      if (residual_.rows() == 0) break;
    }
    FeedForward(layer);
  }
  for (const Piece& piece : pieces) {
    piece.cache->Advance(static_cast<int64_t>(piece.ids.size()));
  }
  const OpTimer timer(op_times_, Op::kNorm);
  RmsNorm(context_, residual_.view(), weights_.final_norm.data(),
          static_cast<float>(spec().norm_epsilon),
          hidden->view().Rows(row, row + residual_.rows()));
  return residual_.rows();
}

void Executor::Attend(const LayerWeights& layer, int64_t index,
                      const Pieces& pieces) {
  const int64_t tokens = residual_.rows();
  const int64_t head_dim = spec().head_dim;
  query_.Resize(tokens, spec().heads * head_dim);
  key_.Resize(tokens, spec().kv_heads * head_dim);
  value_.Resize(tokens, key_.cols());
  attended_.Resize(tokens, query_.cols());
  const MatMulInput x =
      Normed(layer.attention_norm,
             {&layer.query.weight, &layer.key.weight, &layer.value.weight});
  {
    const OpTimer timer(op_times_, Op::kQkv);
    Linear(context_, x,
           {Project(layer.query, &query_), Project(layer.key, &key_),
            Project(layer.value, &value_)});
  }
  attention_sequences_.clear();
  int64_t row = 0;
  for (const Piece& piece : pieces) {
    const auto count = static_cast<int64_t>(piece.ids.size());
    attention_sequences_.push_back({row, count, piece.cache->size(),
                                    piece.cache->layer(index), piece.key_mask});
    row += count;
  }
  {
    const OpTimer timer(op_times_, Op::kRotary);
    Rotary(context_, cos_.view(), sin_.view(), head_dim, query_.view());
    Rotary(context_, cos_.view(), sin_.view(), head_dim, key_.view());
    StoreKeysAndValues(context_, attention_sequences_, key_.view(),
                       value_.view());
  }
  const OpTimer timer(op_times_, Op::kAttention);
  AttentionArgs args;
  args.query = query_.view();
  args.heads = spec().heads;
  args.window = spec().window;
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.sequences = attention_sequences_;
  Attention(context_, args, attended_.view());
}

void Executor::KeepLastRows(const Pieces& pieces) {
  int64_t kept = 0;
  int64_t end = 0;
  for (const Piece& piece : pieces) {
    end += static_cast<int64_t>(piece.ids.size());
    if (!piece.is_last) continue;
    for (Matrix* matrix : {&attended_, &residual_}) {
      std::copy_n(matrix->row(end - 1), matrix->cols(), matrix->row(kept));
    }
    ++kept;
  }
  attended_.Resize(kept, attended_.cols());
  residual_.Resize(kept, residual_.cols());
}

void Executor::FeedForward(const LayerWeights& layer) {
  const int64_t tokens = residual_.rows();
  {
    const OpTimer timer(op_times_, Op::kOutput);
    normed_.Resize(tokens, spec().width);
    LinearAdd(context_, Input(attended_.view(), layer.output.weight),
              Project(layer.output, &normed_), residual_.view());
  }
  gate_.Resize(tokens, spec().ffn);
  up_.Resize(tokens, spec().ffn);
  const MatMulInput x =
      Normed(layer.ffn_norm, {&layer.gate.weight, &layer.up.weight});
  {
    const OpTimer timer(op_times_, Op::kGateUp);
    GatedLinear(context_, x, ToKernel(spec().activation),
                Project(layer.gate, &gate_), Project(layer.up, &up_));
  }
  const OpTimer timer(op_times_, Op::kDown);
  LinearAdd(context_, Input(gate_.view(), layer.down.weight),
            Project(layer.down, &normed_), residual_.view());
}

MatMulInput Executor::Normed(
    const std::vector<float>& norm,
    std::initializer_list<const PackedMatrix*> weights) {
  const OpTimer timer(op_times_, Op::kNorm);
  normed_.Resize(residual_.rows(), residual_.cols());
  const auto epsilon = static_cast<float>(spec().norm_epsilon);
  MatMulInput input;
  input.dense = normed_.view();
  const bool quantized = std::any_of(
      weights.begin(), weights.end(),
      [](const PackedMatrix* w) { return GetCodecInfo(w->codec).quantized; });
  if (quantized) {
    input.quantized = quantizer_.NormAndQuantize(
        context_, residual_.view(), norm.data(), epsilon, normed_.view());
  } else {
    RmsNorm(context_, residual_.view(), norm.data(), epsilon, normed_.view());
  }
  return input;
}

MatMulInput Executor::Input(MatrixView<const float> x,
                            const PackedMatrix& weight) {
  MatMulInput input;
  input.dense = x;
  if (GetCodecInfo(weight.codec).quantized) {
    input.quantized = quantizer_.Quantize(context_, x);
  }
  return input;
}

void Executor::Logits(MatrixView<const float> hidden,
                      MatrixView<float> logits) {
  const OpTimer timer(op_times_, Op::kHead);
  Linear(context_, Input(hidden, weights_.head),
         {{&weights_.head, nullptr, logits}});
}

}  // namespace ounce
