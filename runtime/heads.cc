#include "runtime/heads.h"

#include <algorithm>
#include <cmath>

#include "kernels/linear.h"
#include "kernels/pointwise.h"
#include "runtime/feed_forward.h"

namespace ounce {

std::vector<float> Pool(const TextStates& text, Pooling pooling) {
  const MatrixView<const float>& hidden = text.hidden;
  if (pooling == Pooling::kFirst) {
    return {hidden.row(0), hidden.row(0) + hidden.cols};
  }
  std::vector<double> sums(static_cast<size_t>(hidden.cols));
  double count = 0.0;
  for (int64_t t = 0; t < hidden.rows; ++t) {
    if (text.mask != nullptr && text.mask[t] == 0) continue;
    count += 1.0;
    for (int64_t i = 0; i < hidden.cols; ++i) {
      sums[static_cast<size_t>(i)] += hidden.row(t)[i];
    }
  }
  std::vector<float> mean;
  for (const double sum : sums) {
    mean.push_back(static_cast<float>(sum / std::max(count, 1.0)));
  }
  return mean;
}

void MakeUnit(std::vector<float>* vector) {
  double squares = 0.0;
  for (const float value : *vector) squares += double{value} * value;
  if (squares == 0.0) return;
  const double factor = 1.0 / std::sqrt(squares);
  for (float& value : *vector) value = static_cast<float>(value * factor);
}

Matrix Heads::Multiply(MatrixView<const float> x,
                       const LinearWeights& weights) {
  Matrix out(x.rows, weights.weight.rows);
  Linear(context_, ProductInput(context_, x, {&weights.weight}, &quantizer_),
         {weights.Into(out.view())});
  return out;
}

Matrix Heads::Transform(MatrixView<const float> x) {
  Matrix out = Multiply(x, weights_.head_transform);
  Activate(context_, KernelActivation(spec().transform.activation), out.view());
  if (spec().transform.norm) {
    Normalize(context_, NormOf(spec(), weights_.head_norm), out.view(),
              out.view());
  }
  return out;
}

void Heads::Logits(MatrixView<const float> hidden, MatrixView<float> logits) {
  if (spec().transform.present) {
    narrow_ = Transform(hidden);
    hidden = narrow_.view();
  } else if (weights_.project_out.weight.bytes > 0) {
    narrow_.Resize(hidden.rows, spec().token_width());
    Linear(context_,
           ProductInput(context_, hidden, {&weights_.project_out.weight},
                        &quantizer_),
           {weights_.project_out.Into(narrow_.view())});
    hidden = narrow_.view();
  }
  const LinearWeights& head = weights_.head;
  Linear(context_, ProductInput(context_, hidden, {&head.weight}, &quantizer_),
         {head.Into(logits)});
  if (spec().logit_scale != 1.0) {
    Scale(context_, static_cast<float>(spec().logit_scale), logits);
  }
  if (spec().logit_soft_cap > 0.0) {
    SoftCap(context_, static_cast<float>(spec().logit_soft_cap), logits);
  }
}

Matrix Heads::Pooled(const TextStates& text) {
  return Transform(text.hidden.Rows(0, 1));
}

Matrix Heads::LabelLogits(const TextStates& text) {
  std::vector<float> pooled;
  MatrixView<const float> states = text.hidden;
  if (spec().head == HeadKind::kSequenceLabels) {
    pooled = Pool(text, spec().pooling);
    states = {pooled.data(), 1, spec().width};
  }
  Matrix transformed;
  if (spec().transform.present) {
    transformed = Transform(states);
    states = transformed.view();
  }
  return Multiply(states, weights_.classifier);
}

}  // namespace ounce
