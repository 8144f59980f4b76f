// The Llama family: pre-norm decoder blocks with RMSNorm, rotary positions,
// grouped-query attention and a gated feed-forward.  Mistral adds a sliding
// window.
// Source: Llama, arXiv:2302.13971; Mistral 7B, arXiv:2310.06825; config
// defaults as in transformers 5.12.
#ifndef OUNCE_MODEL_ARCH_LLAMA_H_
#define OUNCE_MODEL_ARCH_LLAMA_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/json.h"
#include "model/spec.h"

namespace ounce {

// See Architecture in registry.h for what each does.
absl::StatusOr<ModelSpec> ParseLlamaConfig(const Json& config);
absl::StatusOr<ModelSpec> ParseMistralConfig(const Json& config);
std::vector<std::string> LlamaSourceNames(absl::string_view name);
bool IsHarmlessInLlama(absl::string_view source_name);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_LLAMA_H_
