// The Llama family: pre-norm decoder blocks with RMSNorm, rotary positions,
// grouped-query attention and a gated feed-forward.  Mistral adds a sliding
// window.
// Source: Llama, arXiv:2302.13971; Mistral 7B, arXiv:2310.06825; config
// defaults as in transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseLlama(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({}, &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.ffn_bias = reader.Bool("mlp_bias", false);
  return Finish(&reader, std::move(spec));
}

absl::StatusOr<ModelSpec> ParseMistral(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder(
      {.kv_heads = 8, .ffn = 14336, .max_context = 4096 * 32}, &reader);
  // Absent takes the family's default; null turns the window off.
  spec.window =
      reader.Int("sliding_window", reader.Has("sliding_window") ? 0 : 4096);
  return Finish(&reader, std::move(spec));
}

}  // namespace

constexpr Architecture kLlama = {"llama", ParseLlama, {"model.", {}}};
constexpr Architecture kMistral = {"mistral", ParseMistral, {"model.", {}}};

}  // namespace ounce
