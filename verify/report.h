// The proof: what was measured, on what, and whether it passed.  The JSON names
// are a contract with users' scripts (docs/verify.md).
#ifndef OUNCE_VERIFY_REPORT_H_
#define OUNCE_VERIFY_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "kernels/kv_layer.h"
#include "verify/classification.h"
#include "verify/embedding_distance.h"
#include "verify/loss_kind.h"
#include "verify/prediction_loss.h"
#include "verify/tasks.h"
#include "verify/tensor_error.h"

namespace ounce {

// A limit the user set.
struct Gate {
  // "max_kl", "max_ppl_increase", "max_flips" or "max_cosine_distance".
  std::string name;
  double limit = 0.0;
  std::optional<double> value;  // The interval's upper end; none: no interval.
  bool passed = false;          // value <= limit; never without a value.
};

struct VerifyReport {
  LossKind kind = LossKind::kDecoder;
  std::string artifact_id;  // Empty when the compressed model is no artifact.
  std::string checkpoint;   // As the user named it.
  std::string text_sha256;
  int64_t context = 0;
  int64_t score_from = 0;    // Of decoders.
  KvType kv = KvType::kF32;  // Of the compressed decoder.
  // Products did not quantise activations: the loss of the weights alone.
  bool weights_only = false;
  // By the kind: of models of the language, classifiers, embedders.
  PredictionLoss text;
  ClassificationLoss classification;
  EmbeddingLoss embedding;
  int64_t lines_cut = 0;      // Longer than the context; not of decoders.
  int64_t lines_written = 0;  // Whose target the float model wrote.
  std::vector<TaskResult> tasks;
  // The winning choice of every item of the tasks, by either model.
  std::vector<int64_t> winners_float;
  std::vector<int64_t> winners;
  std::vector<TensorError> tensors;
  std::vector<Gate> gates;

  // The mean KL; null of embedders.
  const Estimate* kl() const;
  bool passed() const;
};

// Each compares the upper end of what it is given with `limit`.
Gate MaxKlGate(const Estimate& kl, double limit);
// Of the ratio - 1: 0.01 is 1 %.
Gate MaxPplIncreaseGate(const Estimate& ppl_ratio, double limit);
// Of the share of items: 0.01 is 1 %.
Gate MaxFlipsGate(const Estimate& flips, double limit);
Gate MaxCosineDistanceGate(const Estimate& distance, double limit);

Json ReportJson(const VerifyReport& report);

}  // namespace ounce

#endif  // OUNCE_VERIFY_REPORT_H_
