// OLMo 2: a Llama that norms what attention and feed-forward give instead of
// their inputs, and queries and keys as a whole.
// Source: 2 OLMo 2 Furious, arXiv:2501.00656; config defaults as in
// transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseOlmo2(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 50304, .norm_epsilon = 1e-5}, &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.norm_placement = NormPlacement::kOutput;
  spec.qk_norm = QkNorm::kWhole;
  return Finish(&reader, std::move(spec));
}

constexpr NameRow kNames[] = {
    {"self_attn.output_norm", "model.layers.#.post_attention_layernorm"},
    {"mlp.output_norm", "model.layers.#.post_feedforward_layernorm"},
};

}  // namespace

constexpr Architecture kOlmo2 = {"olmo2", ParseOlmo2, {"model.", kNames}};

}  // namespace ounce
