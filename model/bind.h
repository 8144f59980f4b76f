// Finds a spec's tensors in a source and checks them: the step between a file
// full of names and a model that can be compressed or run.
#ifndef OUNCE_MODEL_BIND_H_
#define OUNCE_MODEL_BIND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/packing/packed_matrix.h"
#include "model/arch/registry.h"
#include "model/element_map.h"
#include "model/spec.h"
#include "model/tensor_source.h"
#include "model/tensor_table.h"

namespace ounce {

struct BoundTensor {
  TensorSlot slot;  // Canonical name, shape and role.
  // Points into the source; a vector is one row.  Its rows follow each other
  // there only if `map` is the identity; else `data` is the start of a stored
  // float tensor that holds more, and ReadRows() alone knows where.
  PackedMatrix matrix;
  ElementMap map = {};
};

struct BoundTensors {
  std::vector<BoundTensor> tensors;  // In the order of TensorTable(spec).
  // Names in the source that the architecture neither uses nor names as
  // harmless, sorted.
  std::vector<std::string> surplus;
};

// Makes the head beside an encoder its own where `source` has one of other
// values than the embedding's, whatever the config says, as transformers does
// from version 5 on: then both were trained.  A decoder's config is believed,
// and so is one where the two have different types.
void AdoptHead(const Architecture& architecture, const TensorSource& source,
               ModelSpec* spec);

// Drops from `spec` what checkpoints of its architecture may lack and `source`
// does: the pooler of an encoder, the bias of its or its decoder's head.
void DropAbsent(const Architecture& architecture, const TensorSource& source,
                ModelSpec* spec);

// Binds `spec`'s tensors.  `architecture` translates names; null binds the
// canonical names themselves (an artifact).
// kInvalidArgument: a tensor is missing or has another shape; kUnimplemented:
// it has a type that is no weight, or blocks that would have to be taken apart.
// The message names the tensor, what was
// expected and what was found.
absl::StatusOr<BoundTensors> BindTensors(const ModelSpec& spec,
                                         const Architecture* architecture,
                                         const TensorSource& source);

// Values of rows [begin, end) of `tensor`, row after row, into `out`.
void ReadRows(const BoundTensor& tensor, int64_t begin, int64_t end,
              float* out);

// The stored bytes that hold rows [begin, end), and may hold others between
// them.
absl::Span<const uint8_t> StoredBytes(const BoundTensor& tensor, int64_t begin,
                                      int64_t end);

// A copy of the whole matrix with its rows one after the other, of the same
// codec.
std::vector<uint8_t> CopyMatrix(const BoundTensor& tensor);

// kInvalidArgument, naming the tensor and the element, when rows [begin, end)
// of a float tensor hold a NaN or an infinity.  Of a foreign codec a block's
// scales are what is looked at, and the element is its first.  Packed tensors
// pass.
absl::Status CheckFinite(const BoundTensor& tensor, int64_t begin, int64_t end);

}  // namespace ounce

#endif  // OUNCE_MODEL_BIND_H_
