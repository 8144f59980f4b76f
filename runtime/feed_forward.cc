#include "runtime/feed_forward.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/row_tasks.h"

namespace ounce {
namespace {

// In place.
void Softmax(float* scores, int64_t size) {
  const float largest = *std::max_element(scores, scores + size);
  float sum = 0.0f;
  for (int64_t i = 0; i < size; ++i) {
    scores[i] = std::exp(scores[i] - largest);
    sum += scores[i];
  }
  for (int64_t i = 0; i < size; ++i) scores[i] /= sum;
}

}  // namespace

Activation KernelActivation(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kSilu:
      return Activation::kSilu;
    case ActivationKind::kGelu:
      return Activation::kGelu;
    case ActivationKind::kGeluTanh:
      return Activation::kGeluTanh;
    case ActivationKind::kRelu:
      return Activation::kRelu;
    case ActivationKind::kTanh:
      return Activation::kTanh;
    case ActivationKind::kQuickGelu:
      return Activation::kQuickGelu;
    case ActivationKind::kReluSquared:
      return Activation::kReluSquared;
  }
  return Activation::kSilu;
}

MatMulInput ProductInput(KernelContext& context, MatrixView<const float> x,
                         std::initializer_list<const PackedMatrix*> weights,
                         RowQuantizer* quantizer) {
  const QuantizedForms forms = FormsFor(weights);
  if (forms.any()) return quantizer->Quantize(context, x, forms);
  MatMulInput input;
  input.dense = x;
  return input;
}

MatrixView<const float> FeedForward::Hidden(const FeedForwardWeights& weights,
                                            const MatMulInput& x,
                                            OpTimes* times) {
  const OpTimer timer(times, Op::kGateUp);
  const Activation activation = KernelActivation(spec_.activation);
  const int64_t ffn = weights.up.weight.rows;
  gate_.Resize(x.dense.rows, ffn);
  if (!spec_.gated_ffn) {
    ActivatedLinear(
        context_, x, activation,
        {&weights.up.weight, weights.up.bias_or_null(), gate_.view()});
    return gate_.view();
  }
  up_.Resize(x.dense.rows, ffn);
  GatedLinear(context_, x, activation,
              {&weights.gate.weight, weights.gate.bias_or_null(), gate_.view()},
              {&weights.up.weight, weights.up.bias_or_null(), up_.view()});
  return gate_.view();
}

MatrixView<const float> FeedForward::Mix(const ExpertWeights& weights,
                                         MatrixView<const float> x,
                                         OpTimes* times,
                                         ActivationObserver* observer) {
  observer_ = observer;
  {
    const OpTimer timer(times, Op::kRouter);
    Route(weights.router, x);
  }
  mixed_.Resize(x.rows, x.cols);
  std::fill(mixed_.values().begin(), mixed_.values().end(), 0.0f);
  for (size_t e = 0; e < weights.experts.size(); ++e) {
    if (picks_[e].empty()) continue;
    AddExpert(weights.experts[e], picks_[e], x, times);
  }
  if (spec_.experts.shared_ffn == 0) return mixed_.view();
  std::vector<Pick>& all = picks_[0];
  all.clear();
  for (int64_t t = 0; t < x.rows; ++t) {
    const double score = std::inner_product(x.row(t), x.row(t) + x.cols,
                                            weights.shared_gate.begin(), 0.0);
    all.push_back({t, static_cast<float>(1.0 / (1.0 + std::exp(-score)))});
  }
  AddExpert(weights.shared, all, x, times);
  return mixed_.view();
}

void FeedForward::Route(const PackedMatrix& router, MatrixView<const float> x) {
  scores_.Resize(x.rows, router.rows);
  picks_.resize(static_cast<size_t>(router.rows));
  for (std::vector<Pick>& picks : picks_) picks.clear();
  const auto multiply =
      context_.table().matmul[static_cast<size_t>(router.codec)];
  // Token by token: a product of several may round otherwise, and a score that
  // is another by a bit can pick another expert.
  ForEachRow(
      context_.pool(), x.rows, router.rows * router.cols, [&](int64_t t) {
        MatMulInput one;
        one.dense = x.Rows(t, t + 1);
        multiply(one, router, 0, router.rows, scores_.view().Rows(t, t + 1));
        Softmax(scores_.row(t), router.rows);
      });
  for (int64_t t = 0; t < x.rows; ++t) PickExperts(t, scores_.row(t));
}

void FeedForward::PickExperts(int64_t token, const float* scores) {
  const ExpertSpec& experts = spec_.experts;
  order_.resize(static_cast<size_t>(experts.experts));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  const auto end = order_.begin() + experts.per_token;
  std::partial_sort(
      order_.begin(), end, order_.end(), [scores](int64_t a, int64_t b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
      });
  float sum = 0.0f;
  std::for_each(order_.begin(), end, [&](int64_t e) { sum += scores[e]; });
  const float divisor = experts.normalized ? sum : 1.0f;
  std::for_each(order_.begin(), end, [&](int64_t e) {
    picks_[static_cast<size_t>(e)].push_back({token, scores[e] / divisor});
  });
}

void FeedForward::AddExpert(const FeedForwardWeights& expert,
                            const std::vector<Pick>& picks,
                            MatrixView<const float> x, OpTimes* times) {
  gathered_.Resize(static_cast<int64_t>(picks.size()), x.cols);
  for (size_t i = 0; i < picks.size(); ++i) {
    std::copy_n(x.row(picks[i].token), x.cols,
                gathered_.row(static_cast<int64_t>(i)));
  }
  Observe({&expert.gate.weight, &expert.up.weight}, gathered_.view());
  const MatrixView<const float> hidden = Hidden(
      expert,
      ProductInput(context_, gathered_.view(),
                   {&expert.gate.weight, &expert.up.weight}, &quantizer_),
      times);
  Observe({&expert.down.weight}, hidden);
  const OpTimer timer(times, Op::kDown);
  given_.Resize(gathered_.rows(), x.cols);
  const MatMulInput down =
      ProductInput(context_, hidden, {&expert.down.weight}, &quantizer_);
  Linear(context_, down,
         {{&expert.down.weight, expert.down.bias_or_null(), given_.view()}});
  for (size_t i = 0; i < picks.size(); ++i) {
    const float* given = given_.row(static_cast<int64_t>(i));
    float* mixed = mixed_.row(picks[i].token);
    for (int64_t c = 0; c < x.cols; ++c) mixed[c] += picks[i].weight * given[c];
  }
}

}  // namespace ounce
