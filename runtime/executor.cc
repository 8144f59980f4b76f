#include "runtime/executor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "kernels/attention.h"
#include "kernels/linear.h"
#include "kernels/pointwise.h"

namespace ounce {
namespace {

// Tokens that go through the layers together.  More would save little in the
// products and cost memory in proportion.
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

}  // namespace

Executor::Executor(const ModelWeights& weights, KernelContext* context,
                   int64_t capacity)
    : weights_(weights),
      context_(*context),
      rotary_(weights.spec.rotary, weights.spec.head_dim),
      cache_(weights.spec, capacity) {}

absl::Status Executor::CheckIds(absl::Span<const int32_t> ids) const {
  if (!cache_.allocated()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for the keys and values of ", capacity(),
                     " tokens; ask for a smaller context or fewer tokens"));
  }
  for (const int32_t id : ids) {
    if (id < 0 || id >= spec().vocab) {
      return absl::InvalidArgumentError(absl::StrCat(
          "token id ", id, " is outside the model's vocabulary, 0 to ",
          spec().vocab - 1));
    }
  }
  const auto count = static_cast<int64_t>(ids.size());
  if (count > capacity() - position()) {
    return absl::OutOfRangeError(
        absl::StrCat(position() + count, " tokens in a context of ", capacity(),
                     "; give less text or a larger context"));
  }
  return absl::OkStatus();
}

absl::Status Executor::Forward(absl::Span<const int32_t> ids, Matrix* hidden,
                               const uint8_t* key_mask) {
  OUNCE_RETURN_IF_ERROR(CheckIds(ids));
  const auto count = static_cast<int64_t>(ids.size());
  hidden->Resize(count, spec().width);
  for (int64_t begin = 0; begin < count; begin += kChunkTokens) {
    const int64_t end = std::min(count, begin + kChunkTokens);
    ForwardChunk(ids.subspan(static_cast<size_t>(begin),
                             static_cast<size_t>(end - begin)),
                 key_mask, hidden->view().Rows(begin, end));
  }
  return absl::OkStatus();
}

void Executor::ForwardChunk(absl::Span<const int32_t> ids,
                            const uint8_t* key_mask, MatrixView<float> out) {
  const auto tokens = static_cast<int64_t>(ids.size());
  residual_.Resize(tokens, spec().width);
  normed_.Resize(tokens, spec().width);
  rotary_.Fill(position(), tokens, &cos_, &sin_);
  const auto unpack = GetCodecInfo(weights_.embedding.codec).unpack_rows;
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t id = ids[static_cast<size_t>(t)];
    unpack(weights_.embedding, id, id + 1, residual_.row(t));
  }
  const auto epsilon = static_cast<float>(spec().norm_epsilon);
  int64_t index = 0;
  for (const LayerWeights& layer : weights_.layers) {
    RmsNorm(context_, residual_.view(), layer.attention_norm.data(), epsilon,
            normed_.view());
    Attend(layer, index++, key_mask);
    RmsNorm(context_, residual_.view(), layer.ffn_norm.data(), epsilon,
            normed_.view());
    FeedForward(layer);
  }
  cache_.Advance(tokens);
  RmsNorm(context_, residual_.view(), weights_.final_norm.data(), epsilon, out);
}

void Executor::Attend(const LayerWeights& layer, int64_t index,
                      const uint8_t* key_mask) {
  const int64_t tokens = normed_.rows();
  const int64_t first = position();
  const MatrixView<float> keys = cache_.keys(index).Rows(first, first + tokens);
  const MatrixView<float> values =
      cache_.values(index).Rows(first, first + tokens);
  query_.Resize(tokens, spec().heads * spec().head_dim);
  attended_.Resize(tokens, query_.cols());

  const MatMulInput x =
      Input(normed_.view(),
            {&layer.query.weight, &layer.key.weight, &layer.value.weight});
  Project(x, layer.query, query_.view());
  Project(x, layer.key, keys);
  Project(x, layer.value, values);
  Rotary(context_, cos_.view(), sin_.view(), spec().head_dim, query_.view());
  Rotary(context_, cos_.view(), sin_.view(), spec().head_dim, keys);

  AttentionArgs args;
  args.query = query_.view();
  args.keys = cache_.keys(index).Rows(0, first + tokens);
  args.values = cache_.values(index).Rows(0, first + tokens);
  args.heads = spec().heads;
  args.kv_heads = spec().kv_heads;
  args.head_dim = spec().head_dim;
  args.first_position = first;
  args.window = spec().window;
  args.scale = 1.0f / std::sqrt(static_cast<float>(spec().head_dim));
  args.key_mask = key_mask;
  Attention(context_, args, attended_.view());

  Project(Input(attended_.view(), {&layer.output.weight}), layer.output,
          normed_.view());
  Add(context_, normed_.view(), residual_.view());
}

void Executor::FeedForward(const LayerWeights& layer) {
  gate_.Resize(normed_.rows(), spec().ffn);
  up_.Resize(normed_.rows(), spec().ffn);
  const MatMulInput x =
      Input(normed_.view(), {&layer.gate.weight, &layer.up.weight});
  Project(x, layer.gate, gate_.view());
  Project(x, layer.up, up_.view());
  GatedActivation(context_, ToKernel(spec().activation), up_.view(),
                  gate_.view());
  Project(Input(gate_.view(), {&layer.down.weight}), layer.down,
          normed_.view());
  Add(context_, normed_.view(), residual_.view());
}

MatMulInput Executor::Input(
    MatrixView<const float> x,
    std::initializer_list<const PackedMatrix*> weights) {
  MatMulInput input;
  input.dense = x;
  const bool quantized = std::any_of(
      weights.begin(), weights.end(),
      [](const PackedMatrix* w) { return GetCodecInfo(w->codec).quantized; });
  if (quantized) input.quantized = quantizer_.Quantize(context_, x);
  return input;
}

void Executor::Project(const MatMulInput& x, const LinearWeights& linear,
                       MatrixView<float> out) {
  Linear(context_, x, linear.weight, linear.bias_or_null(), out);
}

void Executor::Logits(MatrixView<const float> hidden,
                      MatrixView<float> logits) {
  Linear(context_, Input(hidden, {&weights_.head}), weights_.head, nullptr,
         logits);
}

}  // namespace ounce
