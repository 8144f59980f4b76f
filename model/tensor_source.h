// Tensors by name, wherever they come from.  Readers in formats/ implement
// this; whoever needs weights asks here and never sees a file format.
#ifndef OUNCE_MODEL_TENSOR_SOURCE_H_
#define OUNCE_MODEL_TENSOR_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "core/tensor.h"

namespace ounce {

struct StoredTensor {
  // As Hugging Face has them, whatever the file calls them; the product fits
  // int64_t.
  std::string name;
  Shape shape;
  std::string dtype;  // As the file calls it, for messages: "BF16", "int4".
  // nullopt: a type that cannot be a weight (I64, BOOL ...).
  std::optional<Codec> codec;
  int64_t group_size = 0;
  // The stored bytes, mapped: they live as long as the source.  Foreign files
  // align them to nothing.
  absl::Span<const uint8_t> bytes;
  // The bytes hold the transpose of `shape`, which has two dimensions.
  bool transposed = false;
  // ElementMap::pair_rows of the first dimension, which is a multiple of it.
  int64_t pair_rows = 0;
};

// Immutable; may be used from several threads.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // Every tensor, in the order of the file(s).
  virtual absl::Span<const StoredTensor> tensors() const = 0;
  // nullptr when there is no tensor of that name.
  virtual const StoredTensor* Find(absl::string_view name) const = 0;
  // Gives the memory behind `part` of a tensor's bytes back to the system; the
  // bytes are read from the file again if they are touched again.
  virtual void Release(absl::Span<const uint8_t> part) const = 0;
};

}  // namespace ounce

#endif  // OUNCE_MODEL_TENSOR_SOURCE_H_
