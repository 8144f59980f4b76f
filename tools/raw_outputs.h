// What a model gives for rows of ids, whatever its architecture: what `ounce
// logits` writes.
#ifndef OUNCE_TOOLS_RAW_OUTPUTS_H_
#define OUNCE_TOOLS_RAW_OUTPUTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "kernels/kernel_context.h"
#include "model/tensor_source.h"
#include "runtime/weights.h"

namespace ounce {

// Integers [rows, tokens], within int32_t.
struct IdMatrix {
  int64_t rows = 0;
  int64_t tokens = 0;
  std::vector<int32_t> values;

  absl::Span<const int32_t> row(int64_t index) const {
    return absl::MakeConstSpan(values).subspan(
        static_cast<size_t>(index * tokens), static_cast<size_t>(tokens));
  }
};

struct RawInputs {
  IdMatrix ids;
  std::optional<IdMatrix> mask;         // As `ids`; 0: padding.
  std::optional<IdMatrix> token_types;  // As `ids`.
  std::optional<IdMatrix> decoder_ids;  // As many rows as `ids`.
};

// The tensors called input_ids, attention_mask, token_type_ids and
// decoder_input_ids; all but the first may lack, others are ignored.
// kInvalidArgument: no input_ids; a shape, type or value that cannot be.
absl::StatusOr<RawInputs> ReadRawInputs(const TensorSource& source);

struct RawOutput {
  std::string name;
  Shape shape;  // [rows, ...]
  std::vector<float> values;
};

// Of a decoder `logits`; of an encoder `last_hidden_state` and what its head
// gives: `logits`, `class_logits` or `pooled`; of an encoder-decoder
// `encoder_last_hidden_state` and `logits` for decoder_ids (without any, for
// the id it starts from).  What rows give where they are padding is undefined.
// Errors as Executor::Forward().
absl::StatusOr<std::vector<RawOutput>> ComputeRawOutputs(
    const RawInputs& inputs, const ModelWeights& weights,
    KernelContext* context);

// The most probable continuation of row 0, padding left out, `count` ids; of an
// encoder-decoder the text for it.  Stop ids end nothing.
// kInvalidArgument: the model generates no text, or row 0 is padding alone.
absl::StatusOr<std::vector<int64_t>> ComputeGreedy(const RawInputs& inputs,
                                                   const ModelWeights& weights,
                                                   int64_t count,
                                                   KernelContext* context);

}  // namespace ounce

#endif  // OUNCE_TOOLS_RAW_OUTPUTS_H_
