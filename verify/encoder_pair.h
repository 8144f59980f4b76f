// Texts through a float encoder and a compressed one, side by side.
#ifndef OUNCE_VERIFY_ENCODER_PAIR_H_
#define OUNCE_VERIFY_ENCODER_PAIR_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "runtime/executor.h"
#include "runtime/heads.h"
#include "text/encoding.h"
#include "verify/loss_kind.h"
#include "verify/text_lines.h"

namespace ounce {

// Not thread-safe.
class EncoderPair {
 public:
  // `models` are encoders and, like `context`, must outlive it; `capacity` is
  // the longest text, in tokens.
  EncoderPair(const ModelPair& models, KernelContext* context, int64_t capacity)
      : float_executor_(models.float_model, context, capacity),
        executor_(models.model, context, capacity) {}

  // Leaves the final hidden states of `text`, one row for each of its ids.
  // Errors as Executor::Forward().
  absl::Status Read(const Encoding& text);

  Executor& float_executor() { return float_executor_; }
  Executor& executor() { return executor_; }
  TextStates float_states() const { return {float_hidden_.view()}; }
  TextStates states() const { return {hidden_.view()}; }

 private:
  Executor float_executor_;
  Executor executor_;
  Matrix float_hidden_, hidden_;
};

// Calls `add` with each of `lines` in turn, its ids, and what both encoders of
// `subjects` made of them; gives the number of lines that were cut.
// kInvalidArgument: CheckLineSubjects(), or a line that cannot be encoded.
// Errors of `add` end it.  All but those of the subjects begin with the line.
absl::StatusOr<int64_t> ReadEachLine(
    const LineSubjects& subjects, absl::Span<const TextLine> lines,
    const LineOptions& options,
    absl::FunctionRef<absl::Status(const TextLine&, const Encoding&,
                                   EncoderPair*)>
        add);

}  // namespace ounce

#endif  // OUNCE_VERIFY_ENCODER_PAIR_H_
