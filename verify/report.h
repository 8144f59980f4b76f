// The proof: what was measured, on what, and whether it passed.  The JSON names
// are a contract with users' scripts (docs/verify.md).
#ifndef OUNCE_VERIFY_REPORT_H_
#define OUNCE_VERIFY_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "verify/tasks.h"
#include "verify/tensor_error.h"
#include "verify/text_comparison.h"

namespace ounce {

// A limit the user set.
struct Gate {
  std::string name;  // "max_kl" or "max_ppl_increase".
  double limit = 0.0;
  std::optional<double> value;  // The interval's upper end; none: no interval.
  bool passed = false;          // value <= limit; never without a value.
};

struct VerifyReport {
  std::string artifact_id;  // Empty when the compressed model is no artifact.
  std::string checkpoint;   // As the user named it.
  std::string text_sha256;
  int64_t context = 0;
  int64_t score_from = 0;
  KvType kv = KvType::kF32;  // Of the compressed model.
  TextComparison text;
  std::vector<TaskResult> tasks;
  // The winning choice of every item of the tasks, by either model.
  std::vector<int64_t> winners_float;
  std::vector<int64_t> winners;
  std::vector<TensorError> tensors;
  std::vector<Gate> gates;

  bool passed() const;
};

// Compares the upper end of `kl` with `limit`.
Gate MaxKlGate(const TextComparison& text, double limit);
// Compares the upper end of `ppl_ratio` - 1 with `limit`: 0.01 is 1 %.
Gate MaxPplIncreaseGate(const TextComparison& text, double limit);

Json ReportJson(const VerifyReport& report);

}  // namespace ounce

#endif  // OUNCE_VERIFY_REPORT_H_
