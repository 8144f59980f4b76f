// The keys that most decoder families share, with each family's defaults.
#ifndef OUNCE_MODEL_ARCH_DECODER_CONFIG_H_
#define OUNCE_MODEL_ARCH_DECODER_CONFIG_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/arch/config_reader.h"
#include "model/spec.h"

namespace ounce {

// What a family calls its sizes; "" where its configs have no such key.  The
// first four may have the usual name too, which families with names of their
// own accept beside them.
struct DecoderKeys {
  absl::string_view width = "hidden_size";
  absl::string_view layers = "num_hidden_layers";
  absl::string_view heads = "num_attention_heads";
  absl::string_view max_context = "max_position_embeddings";
  absl::string_view ffn = "intermediate_size";
  absl::string_view norm_epsilon = "rms_norm_eps";
  absl::string_view activation = "hidden_act";
  // Families without grouped queries have neither key: as many as heads, and
  // width / heads.
  bool grouped = true;
  bool rotary = true;  // Positions, if they are rotary, are described as usual.
};

// What a config may leave out, as the reference implementation fills it in.
struct DecoderDefaults {
  int64_t vocab = 32000;
  int64_t width = 4096;
  int64_t layers = 32;
  int64_t heads = 32;
  int64_t kv_heads = 0;  // 0: as many as heads.
  int64_t head_dim = 0;  // 0: width / heads.
  int64_t ffn = 11008;   // 0: 4 * width.
  int64_t max_context = 2048;
  double norm_epsilon = 1e-6;
  absl::string_view activation = "silu";
  bool tied_head = false;
  PositionKind position = PositionKind::kRotary;
  RotaryDefaults rotary = {};
  DecoderKeys keys = {};
};

// Reads vocab_size, hidden_size, num_hidden_layers, num_attention_heads,
// num_key_value_heads (null: as many as heads), head_dim, intermediate_size,
// max_position_embeddings, rms_norm_eps, hidden_act (or what `keys` has in
// their place), tie_word_embeddings and the description of rotary positions.
ModelSpec ReadDecoder(const DecoderDefaults& defaults, ConfigReader* reader);

// Norms are layer norms with biases.
void UseLayerNorm(ModelSpec* spec);

// As many kinds as `spec` has layers, or none when that number is out of range,
// which CheckSpec() refuses.
std::vector<LayerKind> UsualLayerKinds(const ModelSpec& spec);

// The kind of every layer by `layer_types`; where the config has none, those
// layers are windowed for which `windowed` holds.
std::vector<LayerKind> ReadLayerKinds(
    const ModelSpec& spec, const std::function<bool(int64_t layer)>& windowed,
    ConfigReader* reader);

// Fails if heads were removed from the model, whatever it is.
void RefusePrunedHeads(ConfigReader* reader);

// `spec`, checked by nobody yet, or the reader's first error.  Refuses what
// makes any decoder another model: attention to later tokens, cross-attention,
// pruned heads.
absl::StatusOr<ModelSpec> Finish(ConfigReader* reader, ModelSpec spec);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_DECODER_CONFIG_H_
