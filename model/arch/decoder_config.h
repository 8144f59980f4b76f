// The keys that most decoder families share, with each family's defaults.
#ifndef OUNCE_MODEL_ARCH_DECODER_CONFIG_H_
#define OUNCE_MODEL_ARCH_DECODER_CONFIG_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/arch/config_reader.h"
#include "model/spec.h"

namespace ounce {

// What a config may leave out, as the reference implementation fills it in.
struct DecoderDefaults {
  int64_t vocab = 32000;
  int64_t width = 4096;
  int64_t layers = 32;
  int64_t heads = 32;
  int64_t kv_heads = 0;  // 0: as many as heads.
  int64_t head_dim = 0;  // 0: width / heads.
  int64_t ffn = 11008;
  int64_t max_context = 2048;
  double norm_epsilon = 1e-6;
  absl::string_view activation = "silu";
  bool tied_head = false;
  RotaryDefaults rotary = {};
};

// Reads vocab_size, hidden_size, num_hidden_layers, num_attention_heads,
// num_key_value_heads (null: as many as heads), head_dim, intermediate_size,
// max_position_embeddings, rms_norm_eps, hidden_act, tie_word_embeddings and
// the rotary description.
ModelSpec ReadDecoder(const DecoderDefaults& defaults, ConfigReader* reader);

// `spec`, checked by nobody yet, or the reader's first error.
absl::StatusOr<ModelSpec> Finish(const ConfigReader& reader, ModelSpec spec);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_DECODER_CONFIG_H_
