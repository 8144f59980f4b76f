// SmolLM3: a Llama some of whose layers turn no positions.
// Source: SmolLM3, Hugging Face, 2025 (no positions in every fourth layer:
// arXiv:2501.18795); config defaults as in transformers 5.12.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "model/arch/decoder_config.h"
#include "model/arch/families.h"

namespace ounce {
namespace {

// Which of the `layers` layers turn positions: the ones of no_rope_layers, else
// all but every no_rope_layer_interval-th.
std::vector<bool> ReadTurning(size_t layers, ConfigReader* reader) {
  const int64_t interval = reader->Int("no_rope_layer_interval", 4);
  reader->Refuse(interval < 1, "a \"no_rope_layer_interval\" below 1");
  const std::vector<int64_t> flags = reader->Ints("no_rope_layers");
  const bool has_flags = reader->HasValue("no_rope_layers");
  if (has_flags && flags.size() < layers) {
    reader->Fail(absl::InvalidArgumentError(absl::StrCat(
        "\"no_rope_layers\" has ", flags.size(),
        " entries; expected one for each of ", layers, " layers")));
  }
  std::vector<bool> turning(layers, true);
  if (!reader->status().ok()) return turning;
  for (size_t i = 0; i < layers; ++i) {
    turning[i] = has_flags ? flags[i] != 0
                           : (static_cast<int64_t>(i) + 1) % interval != 0;
  }
  return turning;
}

void ReadLayers(ModelSpec* spec, ConfigReader* reader) {
  const std::vector<bool> turning =
      ReadTurning(UsualLayerKinds(*spec).size(), reader);
  const bool windows = reader->Bool("use_sliding_window", false);
  spec->layer_kinds = ReadLayerKinds(
      *spec,
      [&](int64_t layer) {
        return windows && !turning[static_cast<size_t>(layer)];
      },
      reader);
  for (size_t i = 0; i < spec->layer_kinds.size(); ++i) {
    if (!turning[i]) spec->layer_kinds[i].rotary = LayerRotary::kNone;
  }
}

absl::StatusOr<ModelSpec> ParseSmolLm3(const Json& config) {
  ConfigReader reader(config);
  ModelSpec spec = ReadDecoder({.vocab = 128256,
                                .width = 2048,
                                .layers = 36,
                                .heads = 16,
                                .kv_heads = 4,
                                .max_context = 32768,
                                .tied_head = true,
                                .rotary = {.base = 2e6}},
                               &reader);
  spec.qkv_bias = reader.Bool("attention_bias", false);
  spec.output_bias = spec.qkv_bias;
  spec.ffn_bias = reader.Bool("mlp_bias", false);
  spec.window = reader.Int("sliding_window", 0);
  ReadLayers(&spec, &reader);
  return Finish(&reader, std::move(spec));
}

}  // namespace

constexpr Architecture kSmolLm3 = {"smollm3", ParseSmolLm3, {"model.", {}}};

}  // namespace ounce
