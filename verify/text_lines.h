// A text file of which each line is an example of its own: a text or two, and
// perhaps the label that it should have.
#ifndef OUNCE_VERIFY_TEXT_LINES_H_
#define OUNCE_VERIFY_TEXT_LINES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/progress.h"
#include "kernels/kernel_context.h"
#include "kernels/kv_layer.h"
#include "text/tokenizer.h"
#include "verify/loss_kind.h"

namespace ounce {

struct TextLine {
  int64_t number = 0;  // In the file, from 1.
  absl::string_view first;
  std::optional<absl::string_view> second;
  std::optional<absl::string_view> label;
};

// Fields are divided by tabs: a text, or two; if `labelled` the label is the
// last of them.  Lines of white space alone are skipped; a carriage return at a
// line's end is none of it.  The result points into `text`.
// kInvalidArgument: a line with too few or too many fields; no line at all.
absl::StatusOr<std::vector<TextLine>> ParseTextLines(absl::string_view text,
                                                     bool labelled);

// What lines are compared with.  All must outlive the comparison.
struct LineSubjects {
  ModelPair models;
  const Tokenizer& tokenizer;
  KernelContext* context;
};

struct LineOptions {
  int64_t context = 256;  // Tokens to which longer lines are cut.
  // Of the compressed decoder's keys and values; the float model's are f32.
  KvType kv = KvType::kF32;
  ProgressCallback progress = {};  // Counts lines.
};

// kInvalidArgument: CheckComparable(), or a context of which the models have
// no positions.
absl::Status CheckLineSubjects(const LineSubjects& subjects,
                               const LineOptions& options);

// `texts` with the tokenizer's special tokens, cut to `context` tokens, of the
// longer text first; `cut` is raised by one if that took something away.
// kInvalidArgument: the tokenizer cannot encode it, or it has no token.
absl::StatusOr<Encoding> EncodeCut(const TextPair& texts,
                                   const Tokenizer& tokenizer, int64_t context,
                                   int64_t* cut);

}  // namespace ounce

#endif  // OUNCE_VERIFY_TEXT_LINES_H_
