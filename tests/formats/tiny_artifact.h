// The smallest model that has every kind of tensor, as an artifact: one block
// of width 4 with float, int8 and int4 weights.
#ifndef OUNCE_TESTS_FORMATS_TINY_ARTIFACT_H_
#define OUNCE_TESTS_FORMATS_TINY_ARTIFACT_H_

#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "formats/artifact/artifact.h"
#include "formats/artifact/artifact_writer.h"
#include "formats/artifact/layout.h"
#include "formats/artifact/metadata.h"
#include "model/spec.h"
#include "model/tensor_table.h"

namespace ounce {

inline ModelSpec TinySpec() {
  ModelSpec spec;
  spec.architecture = "llama";
  spec.vocab = 8;
  spec.width = 4;
  spec.layers = 1;
  spec.heads = 1;
  spec.kv_heads = 1;
  spec.head_dim = 4;
  spec.ffn = 4;
  spec.max_context = 16;
  spec.norm_epsilon = 1e-5;
  spec.activation = ActivationKind::kGeluTanh;
  spec.rotary.scaling = RotaryScaling::kLlama3;
  spec.rotary.factor = 8.0;
  spec.window = 12;
  spec.tied_head = true;
  spec.stop_ids = {7, 3};
  return spec;
}

inline TokenizerAsset TinyTokenizer() {
  TokenizerAsset tokenizer;
  tokenizer.kind = TokenizerKind::kTokenizerJson;
  tokenizer.files = {{"tokenizer.json", "{\"model\": {}}"},
                     {"chat_template.jinja", std::string("a\0b", 3)}};
  return tokenizer;
}

inline Provenance TinyProvenance() {
  return {"0.1.0",
          {{"config.json", std::string(64, 'a'), 17},
           {"model.safetensors", std::string(64, 'b'), int64_t{1} << 40}},
          "weights: int4\n",
          {}};
}

// Name, shape, codec and group size; matrices take turns between the codecs
// that format version `version` has.
inline std::vector<TensorRecord> TinyRecords(
    uint32_t version = kArtifactVersion) {
  const size_t num_turns = version < 4 ? 5 : 6;
  std::vector<TensorRecord> records;
  for (const TensorSlot& slot : TensorTable(TinySpec())) {
    TensorRecord record;
    record.name = slot.name;
    record.shape = slot.shape;
    if (slot.role == TensorRole::kMatrix) {
      constexpr Codec kTurns[] = {Codec::kInt8,
                                  Codec::kInt4,
                                  Codec::kInt4Asymmetric,
                                  Codec::kBF16,
                                  Codec::kInt4Progressive,
                                  Codec::kInt8ActivationGroups};
      record.codec = kTurns[records.size() % num_turns];
      if (GetCodecInfo(record.codec).grouped) record.group_size = 32;
    }
    records.push_back(record);
  }
  return records;
}

// Bytes that differ from tensor to tensor and from byte to byte.
inline std::vector<uint8_t> TinyWeights(size_t tensor_index, int64_t bytes) {
  std::vector<uint8_t> weights(static_cast<size_t>(bytes));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<uint8_t>(1 + (tensor_index * 31 + i * 7) % 255);
  }
  return weights;
}

inline absl::Status WriteTinyTensors(ArtifactWriter& writer) {
  size_t index = 0;
  for (const TensorRecord& record : TinyRecords()) {
    OUNCE_ASSIGN_OR_RETURN(const int64_t bytes, SegmentBytes(record));
    const std::vector<uint8_t> weights = TinyWeights(index++, bytes);
    OUNCE_RETURN_IF_ERROR(writer.BeginTensor(record));
    // In two parts, as a converter that streams does.
    const absl::Span<const uint8_t> all = weights;
    OUNCE_RETURN_IF_ERROR(writer.AppendBytes(all.subspan(0, 5)));
    OUNCE_RETURN_IF_ERROR(writer.AppendBytes(all.subspan(5)));
    const bool exact = record.codec == Codec::kF32;
    OUNCE_RETURN_IF_ERROR(writer.EndTensor(
        exact ? std::numeric_limits<double>::infinity() : 21.5, 0.25));
  }
  return absl::OkStatus();
}

inline absl::Status WriteTinyArtifact(const std::string& path) {
  OUNCE_ASSIGN_OR_RETURN(const std::unique_ptr<ArtifactWriter> writer,
                         ArtifactWriter::Create(path, /*weight_bytes=*/4096));
  OUNCE_RETURN_IF_ERROR(WriteTinyTensors(*writer));
  return writer->Finish(TinySpec(), TinyTokenizer(), TinyProvenance()).status();
}

}  // namespace ounce

#endif  // OUNCE_TESTS_FORMATS_TINY_ARTIFACT_H_
