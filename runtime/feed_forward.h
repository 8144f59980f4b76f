// The feed-forward of one layer: a plain or gated one, or experts of which a
// router picks some for each token.
// Source: gated units, arXiv:2002.05202; experts, Shazeer et al.,
// arXiv:1701.06538, section 2, with the softmax over all experts of Mixtral
// (arXiv:2401.04088) and Qwen (arXiv:2407.10671).
#ifndef OUNCE_RUNTIME_FEED_FORWARD_H_
#define OUNCE_RUNTIME_FEED_FORWARD_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "kernels/linear.h"
#include "kernels/quantize_rows.h"
#include "model/spec.h"
#include "runtime/activation_observer.h"
#include "runtime/op_times.h"
#include "runtime/weights.h"

namespace ounce {

// `x` in the forms that products with `weights` read: quantised by `quantizer`
// as any of them must have it.
MatMulInput ProductInput(KernelContext& context, MatrixView<const float> x,
                         std::initializer_list<const PackedMatrix*> weights,
                         RowQuantizer* quantizer);
// The kernels' name of an activation.
Activation KernelActivation(ActivationKind kind);

// Keeps scratch memory from call to call; not thread-safe.
class FeedForward {
 public:
  // Both must outlive it.
  FeedForward(const ModelSpec& spec, KernelContext* context)
      : spec_(spec), context_(*context) {}

  // act(gate(x)) * up(x), or act(up(x)): [tokens, ffn], valid until the next
  // call.
  MatrixView<const float> Hidden(const FeedForwardWeights& weights,
                                 const MatMulInput& x, OpTimes* times);

  // The weighted sum of what the experts picked for each row of `x` [tokens,
  // width] give, and the shared one: [tokens, width], valid until the next
  // call.  A token's result does not depend on the tokens beside it, as far as
  // its experts' products do not.  `observer`, if not null, sees what goes into
  // the experts' products, and does not stop them.
  MatrixView<const float> Mix(const ExpertWeights& weights,
                              MatrixView<const float> x, OpTimes* times,
                              ActivationObserver* observer = nullptr);

 private:
  // A token that takes an expert, and how much of it.
  struct Pick {
    int64_t token;
    float weight;
  };

  // Fills `picks_`, by expert.
  void Route(const PackedMatrix& router, MatrixView<const float> x);
  void PickExperts(int64_t token, const float* scores);
  // Adds what `expert` gives for its tokens to `mixed_`.
  void AddExpert(const FeedForwardWeights& expert,
                 const std::vector<Pick>& picks, MatrixView<const float> x,
                 OpTimes* times);
  void Observe(std::initializer_list<const PackedMatrix*> weights,
               MatrixView<const float> x) {
    if (observer_ != nullptr) observer_->Observe(weights, x);
  }

  const ModelSpec& spec_;
  KernelContext& context_;
  RowQuantizer quantizer_;
  Matrix gate_, up_, scores_, gathered_, given_, mixed_;
  std::vector<std::vector<Pick>> picks_;    // [experts]
  std::vector<int64_t> order_;              // Scratch of PickExperts().
  ActivationObserver* observer_ = nullptr;  // During Mix().
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_FEED_FORWARD_H_
