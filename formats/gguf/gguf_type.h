// The types of GGUF tensors: their numbers in the file and how many bytes a
// block of elements takes.  A row is a whole number of blocks.
// Source: ggml, docs/gguf.md, and `GGML_QUANT_SIZES` of gguf-py.
#ifndef OUNCE_FORMATS_GGUF_GGUF_TYPE_H_
#define OUNCE_FORMATS_GGUF_GGUF_TYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace ounce {

struct GgufTypeInfo {
  uint32_t type;           // As in the file.
  absl::string_view name;  // As in ggml: "Q4_K".
  int64_t block_size;      // Elements; 1 for plain numbers.
  int64_t block_bytes;
};

// The type with this number; nullptr: none, or one that ggml removed (4, 5, 31
// to 33, 36 to 38).
const GgufTypeInfo* FindGgufType(uint32_t type);

}  // namespace ounce

#endif  // OUNCE_FORMATS_GGUF_GGUF_TYPE_H_
