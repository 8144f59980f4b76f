#include "model/arch/decoder_config.h"

#include <utility>

#include "core/status_macros.h"

namespace ounce {

ModelSpec ReadDecoder(const DecoderDefaults& defaults, ConfigReader* reader) {
  ModelSpec spec;
  spec.vocab = reader->Int("vocab_size", defaults.vocab);
  spec.width = reader->Int("hidden_size", defaults.width);
  spec.layers = reader->Int("num_hidden_layers", defaults.layers);
  spec.heads = reader->Int("num_attention_heads", defaults.heads);
  const bool null_kv = reader->Has("num_key_value_heads");
  spec.kv_heads = reader->Int(
      "num_key_value_heads",
      defaults.kv_heads == 0 || null_kv ? spec.heads : defaults.kv_heads);
  const bool null_head_dim = reader->Has("head_dim");
  const int64_t even_share = spec.heads > 0 ? spec.width / spec.heads : 0;
  spec.head_dim = reader->Int(
      "head_dim",
      defaults.head_dim == 0 || null_head_dim ? even_share : defaults.head_dim);
  spec.ffn = reader->Int("intermediate_size", defaults.ffn);
  spec.max_context =
      reader->Int("max_position_embeddings", defaults.max_context);
  spec.norm_epsilon = reader->Double("rms_norm_eps", defaults.norm_epsilon);
  spec.activation = reader->Activation("hidden_act", defaults.activation);
  spec.tied_head = reader->Bool("tie_word_embeddings", defaults.tied_head);
  spec.rotary = reader->Rotary(defaults.rotary, spec);
  return spec;
}

absl::StatusOr<ModelSpec> Finish(const ConfigReader& reader, ModelSpec spec) {
  OUNCE_RETURN_IF_ERROR(reader.status());
  return spec;
}

}  // namespace ounce
