#include "model/arch/decoder_config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

// No more layers get a kind than CheckSpec() accepts.
constexpr int64_t kMaxLayers = 4096;
constexpr int64_t kMaxWidth = int64_t{1} << 40;

void ReadHeads(const DecoderDefaults& defaults, ModelSpec* spec,
               ConfigReader* reader) {
  const int64_t share = spec->heads > 0 ? spec->width / spec->heads : 0;
  spec->kv_heads = spec->heads;
  spec->head_dim = share;
  if (!defaults.keys.grouped) return;
  const bool null_kv = reader->Has("num_key_value_heads");
  spec->kv_heads = reader->Int(
      "num_key_value_heads",
      defaults.kv_heads == 0 || null_kv ? spec->heads : defaults.kv_heads);
  const bool null_head_dim = reader->Has("head_dim");
  spec->head_dim = reader->Int(
      "head_dim",
      defaults.head_dim == 0 || null_head_dim ? share : defaults.head_dim);
}

void ReadNumerics(const DecoderDefaults& defaults, ModelSpec* spec,
                  ConfigReader* reader) {
  const DecoderKeys& keys = defaults.keys;
  spec->norm_epsilon = defaults.norm_epsilon;
  if (!keys.norm_epsilon.empty()) {
    spec->norm_epsilon =
        reader->Double(keys.norm_epsilon, defaults.norm_epsilon);
  }
  if (keys.activation.empty()) {
    const auto activation = ParseActivation(defaults.activation);
    spec->activation = activation.value_or(ActivationKind::kSilu);
  } else {
    spec->activation = reader->Activation(keys.activation, defaults.activation);
  }
}

}  // namespace

ModelSpec ReadDecoder(const DecoderDefaults& defaults, ConfigReader* reader) {
  const DecoderKeys& keys = defaults.keys;
  const auto size = [&](absl::string_view key, absl::string_view usual,
                        int64_t fallback) {
    return reader->Int(reader->FirstOf({key, usual}), fallback);
  };
  ModelSpec spec;
  spec.vocab = reader->Int("vocab_size", defaults.vocab);
  spec.width = size(keys.width, "hidden_size", defaults.width);
  spec.layers = size(keys.layers, "num_hidden_layers", defaults.layers);
  spec.heads = size(keys.heads, "num_attention_heads", defaults.heads);
  ReadHeads(defaults, &spec, reader);
  // An absurd width stays one, without overflow.
  const bool sane = spec.width > 0 && spec.width < kMaxWidth;
  const int64_t four = sane ? 4 * spec.width : spec.width;
  spec.ffn = defaults.ffn > 0 ? defaults.ffn : four;
  if (!keys.ffn.empty()) spec.ffn = reader->Int(keys.ffn, spec.ffn);
  spec.max_context =
      size(keys.max_context, "max_position_embeddings", defaults.max_context);
  ReadNumerics(defaults, &spec, reader);
  spec.tied_head = reader->Bool("tie_word_embeddings", defaults.tied_head);
  spec.position = defaults.position;
  if (spec.position == PositionKind::kRotary && keys.rotary) {
    spec.rotary = reader->Rotary(defaults.rotary, spec);
  }
  return spec;
}

std::vector<LayerKind> UsualLayerKinds(const ModelSpec& spec) {
  if (spec.layers < 1 || spec.layers > kMaxLayers) return {};
  return std::vector<LayerKind>(static_cast<size_t>(spec.layers));
}

void UseLayerNorm(ModelSpec* spec) {
  spec->norm = NormKind::kLayer;
  spec->norm_bias = true;
}

std::vector<LayerKind> ReadLayerKinds(
    const ModelSpec& spec, const std::function<bool(int64_t layer)>& windowed,
    ConfigReader* reader) {
  std::vector<LayerKind> kinds = UsualLayerKinds(spec);
  if (!kinds.empty() && reader->HasValue("layer_types")) {
    const auto read = LayerKindsOf(reader->Strings("layer_types"), spec.layers);
    reader->Fail(read.status());
    return read.value_or(kinds);
  }
  for (size_t i = 0; i < kinds.size(); ++i) {
    kinds[i].windowed = windowed(static_cast<int64_t>(i));
  }
  return kinds;
}

void RefusePrunedHeads(ConfigReader* reader) {
  const Json* pruned = reader->config().Find("pruned_heads");
  reader->Refuse(pruned != nullptr && pruned->AsObject() != nullptr &&
                     pruned->AsObject()->size() > 0,
                 "\"pruned_heads\"");
}

absl::StatusOr<ModelSpec> Finish(ConfigReader* reader, ModelSpec spec) {
  reader->Refuse(!reader->Bool("is_causal", true), "\"is_causal\": false");
  for (const absl::string_view key :
       {"use_bidirectional_attention", "add_cross_attention",
        "is_encoder_decoder"}) {
    reader->Refuse(reader->Bool(key, false),
                   absl::StrCat("\"", key, "\": true"));
  }
  RefusePrunedHeads(reader);
  OUNCE_RETURN_IF_ERROR(reader->status());
  return spec;
}

}  // namespace ounce
