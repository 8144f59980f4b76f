// Granite: a Llama whose embeddings, scores, residuals and logits are scaled.
// Source: Granite 3.0 Language Models, IBM, 2024; config defaults as in
// transformers 5.12.
#include <utility>

#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

absl::StatusOr<ModelSpec> ParseGranite(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({}, &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.ffn_bias = reader.Bool("mlp_bias", false);
  spec.embedding_scale = reader.Double("embedding_multiplier", 1.0);
  spec.residual_scale = reader.Double("residual_multiplier", 1.0);
  spec.attention_scale = reader.Double("attention_multiplier", 1.0);
  // 0 would mean the usual scale in a spec.
  reader.Refuse(!(spec.attention_scale > 0.0),
                "an \"attention_multiplier\" that is not positive");
  spec.logit_scale = 1.0 / reader.Double("logits_scaling", 1.0);
  return Finish(&reader, std::move(spec));
}

}  // namespace

constexpr Architecture kGranite = {"granite", ParseGranite, {"model.", {}}};

}  // namespace ounce
