#include "model/arch/llama.h"

#include "absl/strings/match.h"
#include "core/status_macros.h"
#include "model/arch/config_reader.h"

namespace ounce {
namespace {

// What a config may leave out, as the reference implementation fills it in.
struct Defaults {
  int64_t ffn;
  int64_t kv_heads;  // 0: as many as heads.
  int64_t max_context;
  int64_t window;
};
constexpr Defaults kLlamaDefaults = {11008, 0, 2048, 0};
constexpr Defaults kMistralDefaults = {14336, 8, 4096 * 32, 4096};

absl::Status ParseShapes(const Json& config, const Defaults& defaults,
                         ModelSpec* spec) {
  OUNCE_ASSIGN_OR_RETURN(spec->vocab, config.GetIntOr("vocab_size", 32000));
  OUNCE_ASSIGN_OR_RETURN(spec->width, config.GetIntOr("hidden_size", 4096));
  OUNCE_ASSIGN_OR_RETURN(spec->layers,
                         config.GetIntOr("num_hidden_layers", 32));
  OUNCE_ASSIGN_OR_RETURN(spec->heads,
                         config.GetIntOr("num_attention_heads", 32));
  // A key that is null means "as many as heads" in either family.
  const bool null_kv = config.Find("num_key_value_heads") != nullptr;
  const int64_t default_kv =
      defaults.kv_heads == 0 || null_kv ? spec->heads : defaults.kv_heads;
  OUNCE_ASSIGN_OR_RETURN(spec->kv_heads,
                         config.GetIntOr("num_key_value_heads", default_kv));
  const int64_t default_head_dim =
      spec->heads > 0 ? spec->width / spec->heads : 0;
  OUNCE_ASSIGN_OR_RETURN(spec->head_dim,
                         config.GetIntOr("head_dim", default_head_dim));
  OUNCE_ASSIGN_OR_RETURN(spec->ffn,
                         config.GetIntOr("intermediate_size", defaults.ffn));
  OUNCE_ASSIGN_OR_RETURN(
      spec->max_context,
      config.GetIntOr("max_position_embeddings", defaults.max_context));
  return absl::OkStatus();
}

absl::StatusOr<ModelSpec> ParseConfig(const Json& config,
                                      const Defaults& defaults) {
  ModelSpec spec;
  OUNCE_RETURN_IF_ERROR(ParseShapes(config, defaults, &spec));
  OUNCE_ASSIGN_OR_RETURN(spec.norm_epsilon,
                         config.GetDoubleOr("rms_norm_eps", 1e-6));
  OUNCE_ASSIGN_OR_RETURN(const std::string activation,
                         config.GetStringOr("hidden_act", "silu"));
  OUNCE_ASSIGN_OR_RETURN(spec.activation, ParseActivation(activation));
  OUNCE_ASSIGN_OR_RETURN(spec.rotary,
                         ParseRotary(config, 10000.0, spec.max_context));
  OUNCE_ASSIGN_OR_RETURN(spec.tied_head,
                         config.GetBoolOr("tie_word_embeddings", false));
  return spec;
}

}  // namespace

absl::StatusOr<ModelSpec> ParseLlamaConfig(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(ModelSpec spec, ParseConfig(config, kLlamaDefaults));
  OUNCE_ASSIGN_OR_RETURN(spec.qkv_bias,
                         config.GetBoolOr("attention_bias", false));
  spec.output_bias = spec.qkv_bias;
  OUNCE_ASSIGN_OR_RETURN(spec.ffn_bias, config.GetBoolOr("mlp_bias", false));
  return spec;
}

absl::StatusOr<ModelSpec> ParseMistralConfig(const Json& config) {
  OUNCE_ASSIGN_OR_RETURN(ModelSpec spec, ParseConfig(config, kMistralDefaults));
  // Absent takes the family's default; null turns the window off.
  const bool given = config.Find("sliding_window") != nullptr;
  OUNCE_ASSIGN_OR_RETURN(
      spec.window,
      config.GetIntOr("sliding_window", given ? 0 : kMistralDefaults.window));
  return spec;
}

std::vector<std::string> LlamaSourceNames(absl::string_view name) {
  return WithOptionalModelPrefix(name);
}

bool IsHarmlessInLlama(absl::string_view source_name) {
  return absl::EndsWith(source_name, "rotary_emb.inv_freq") ||
         absl::EndsWith(source_name, "rotary_emb.cos_cached") ||
         absl::EndsWith(source_name, "rotary_emb.sin_cached") ||
         absl::EndsWith(source_name, "attn.bias") ||
         absl::EndsWith(source_name, "attn.masked_bias") ||
         absl::EndsWith(source_name, "position_ids") ||
         // Bound already unless the head is tied: then it is a copy.
         source_name == "lm_head.weight";
}

}  // namespace ounce
