// One answer of a model as text: generated, streamed and summed up.
#ifndef OUNCE_TOOLS_GENERATION_H_
#define OUNCE_TOOLS_GENERATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/json.h"
#include "runtime/executor.h"
#include "runtime/generate.h"
#include "text/tokenizer.h"

namespace ounce {

struct TextOptions {
  GenerateOptions generate;
  std::vector<std::string> stops;  // Texts that end the answer.
};

// What a generation came to.
struct Outcome {
  int64_t prompt_tokens = 0;
  int64_t reused_tokens = 0;  // Of the prompt, which the executor held before.
  std::vector<int32_t> ids;
  std::string text;
  bool stopped_by_text = false;
  GenerateResult result;
  std::optional<double> score;  // Of the best of several beams.
  double first_token_seconds = 0.0;
  double rest_seconds = 0.0;  // Of all tokens after the first.
};

// Continues `prompt`, whose first tokens, as many as its position says, the
// executor holds already; at least one is left.  `on_text` gets the text as it
// becomes certain; returning false ends the generation.  Errors as Generate().
absl::StatusOr<Outcome> GenerateText(
    const TextOptions& options, const Tokenizer& tokenizer,
    absl::Span<const int32_t> prompt, Executor* executor,
    absl::FunctionRef<bool(absl::string_view)> on_text);

Json OutcomeJson(const Outcome& outcome);
// "[prompt: 12 tokens, 345.6/s; generated: ...]"
std::string Summary(const Outcome& outcome);

}  // namespace ounce

#endif  // OUNCE_TOOLS_GENERATION_H_
