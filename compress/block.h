// One layer of a model while it is compressed: every tensor in f32, or packed
// once it is done, and runnable at any time.
#ifndef OUNCE_COMPRESS_BLOCK_H_
#define OUNCE_COMPRESS_BLOCK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "compress/compress_report.h"
#include "compress/plan.h"
#include "core/tensor.h"
#include "core/thread_pool.h"
#include "model/spec.h"
#include "prune/pruner.h"
#include "runtime/weights.h"

namespace ounce {

struct BlockTensor {
  const TensorPlan* plan = nullptr;
  Matrix values;                // [rows, cols]; a vector is one row.
  std::vector<uint8_t> packed;  // As it will be stored; empty until then.
  TensorReport report;          // Of packed ones.

  const uint8_t* data() const {
    return packed.empty() ? reinterpret_cast<const uint8_t*>(values.row(0))
                          : packed.data();
  }
  PackedMatrix matrix() const;
  PackedMatrix float_matrix() const;  // The values.
};

// Not thread-safe.
class Block {
 public:
  // Reads the tensors of `rows`, all those of `layer`.
  // kInvalidArgument naming the tensor: a weight is NaN or infinite.
  static absl::StatusOr<Block> Load(const ModelSpec& spec, int64_t layer,
                                    absl::Span<const TensorPlan> rows,
                                    ThreadPool* pool);

  int64_t layer() const { return layer_; }
  const ModelSpec& spec() const { return spec_; }
  absl::Span<BlockTensor> tensors() { return absl::MakeSpan(tensors_); }
  // nullptr: no such tensor.
  BlockTensor* Find(absl::string_view name);
  // The one whose data the layer that runs points to; nullptr: none.
  BlockTensor* FindData(const uint8_t* data);

  // Points into this object, whose tensors may be packed later but not before
  // the result is used for the last time.
  LayerWeights Arrange() const;
  // The same in f32, packed or not, if their values are still there.
  LayerWeights ArrangeFloat() const;
  // Arrange() with other values in place of some: `changed` are tensors of the
  // same names.
  LayerWeights ArrangeWith(absl::Span<const BlockTensor> changed) const;

  static int64_t MemoryBytes(absl::Span<const TensorPlan> rows);

 private:
  Block(const ModelSpec& spec, int64_t layer) : spec_(spec), layer_(layer) {}

  const ModelSpec& spec_;
  int64_t layer_;
  std::vector<BlockTensor> tensors_;
};

// Quantises `values` by the plan's method without calibration, or keeps them in
// the float type of `plan`, and packs them; fills in `stats` if not null.
absl::StatusOr<std::vector<uint8_t>> PackRows(const TensorPlan& plan,
                                              MatrixView<const float> values,
                                              ThreadPool* pool,
                                              TensorStats* stats);

// What `packed`, of the shape and codec of `plan`, has lost of `values`.
TensorStats ComparePacked(const TensorPlan& plan,
                          MatrixView<const float> values,
                          absl::Span<const uint8_t> packed, ThreadPool* pool);

}  // namespace ounce

#endif  // OUNCE_COMPRESS_BLOCK_H_
