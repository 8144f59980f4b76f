// The architectures of GGUF files that we read, as tables: which Hugging Face
// `model_type` each is, and what its tensors are called and how they are
// arranged there.
// Source: ggml, docs/gguf.md, "Standardized tensor names"; llama.cpp's
// gguf-py/gguf/constants.py and the arrangements of its converter.
#ifndef OUNCE_FORMATS_GGUF_GGUF_NAMES_H_
#define OUNCE_FORMATS_GGUF_GGUF_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "formats/gguf/gguf_file.h"
#include "model/tensor_source.h"

namespace ounce {

// How a tensor is stored, compared with Hugging Face.
enum class GgufStorage : uint8_t {
  kSame,
  kPairs,       // The halves of each head's rows are interleaved.
  kTransposed,  // Weights are [out, in] where Hugging Face has [in, out].
  kExperts,     // [experts, out, in] where Hugging Face has one each.
  kRow,         // A vector where Hugging Face has one row.
  kIgnored,     // Carries nothing that the config does not say.
};

struct GgufNameRow {
  // Without ".weight" and ".bias", with '#' for the layer's number and '@' for
  // an expert's.
  absl::string_view name;
  absl::string_view hugging_face;  // The same.
  GgufStorage storage = GgufStorage::kSame;
};

struct GgufArchitecture {
  absl::string_view name;        // `general.architecture`
  absl::string_view model_type;  // Hugging Face's.
  absl::Span<const GgufNameRow> rows;
  bool has_experts = false;  // Only models with, or only those without.
};

// The row for a model whose `general.architecture` is `name`.
// kUnimplemented with the list.
absl::StatusOr<const GgufArchitecture*> FindGgufArchitecture(
    absl::string_view name, bool has_experts);

// `tensor` as Hugging Face has it: one tensor, one for each expert, or none; a
// name that is in no row stays as it is.  `head_dim` is the length of a head.
// kUnimplemented: a weight of a type that we do not read, with the list.
// kInvalidArgument: a stack of experts that is none.
absl::StatusOr<std::vector<StoredTensor>> ToStoredTensors(
    const GgufArchitecture& architecture, const GgufTensor& tensor,
    int64_t head_dim);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_NAMES_H_
