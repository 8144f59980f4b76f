// A checkpoint of tests/golden/models/ as its config and a TensorSource, read
// here and not by formats/, so that tests below that folder can have one.
#ifndef OUNCE_TESTS_UTIL_GOLDEN_CHECKPOINT_H_
#define OUNCE_TESTS_UTIL_GOLDEN_CHECKPOINT_H_

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/json.h"
#include "tests/util/fake_tensor_source.h"

namespace ounce {

struct GoldenCheckpoint {
  Json config;
  FakeTensorSource source;  // Of the f32 tensors of model.safetensors.
};

inline std::string ReadGoldenFile(const std::string& path) {
  std::ifstream file(
      std::string(OUNCE_SOURCE_DIR "/tests/golden/models/") + path,
      std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The file's layout: 8 bytes with the length of a JSON header, the header, the
// tensors' bytes at the header's offsets from its end.
// Source: https://huggingface.co/docs/safetensors
inline GoldenCheckpoint ReadGoldenCheckpoint(const std::string& name) {
  GoldenCheckpoint golden;
  golden.config = *ParseJson(ReadGoldenFile(name + "/config.json"));
  const std::string file = ReadGoldenFile(name + "/model.safetensors");
  uint64_t length;
  std::memcpy(&length, file.data(), sizeof(length));
  const Json header = *ParseJson(file.substr(8, length));
  for (const auto& [tensor, entry] : header.AsObject()->members()) {
    if (tensor == "__metadata__") continue;
    Shape shape;
    for (const Json& dimension : *entry.Find("shape")->AsArray()) {
      shape.push_back(*dimension.AsInt());
    }
    const Json::Array& offsets = *entry.Find("data_offsets")->AsArray();
    const auto* data = file.data() + 8 + length;
    golden.source.Add(tensor, shape, Codec::kF32, 0,
                      std::vector<uint8_t>(data + *offsets[0].AsInt(),
                                           data + *offsets[1].AsInt()));
  }
  return golden;
}

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_GOLDEN_CHECKPOINT_H_
