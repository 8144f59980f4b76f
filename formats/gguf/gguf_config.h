// The config.json that a GGUF file's keys and tensors amount to, so that the
// families of model/arch/ read it as they read a checkpoint's.
// Source: ggml, docs/gguf.md, "Standardized key-value pairs"; llama.cpp's
// gguf-py/gguf/constants.py.
#ifndef OUNCE_FORMATS_GGUF_GGUF_CONFIG_H_
#define OUNCE_FORMATS_GGUF_GGUF_CONFIG_H_

#include "absl/status/statusor.h"
#include "core/json.h"
#include "formats/gguf/gguf_names.h"
#include "formats/gguf/gguf_shards.h"

namespace ounce {

struct GgufConfig {
  const GgufArchitecture* architecture = nullptr;
  Json config;  // For ParseModelConfig().
};

// kInvalidArgument: a key that the architecture needs is absent or of another
// type; kUnimplemented: an architecture that we do not have, with the list, or
// a key whose value would change the results and that we have no answer for.
// Each names the key.
absl::StatusOr<GgufConfig> ReadGgufConfig(const GgufShards& shards);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_CONFIG_H_
