// What a family's checkpoints call the canonical tensors, as a table.
#ifndef OUNCE_MODEL_ARCH_NAME_TABLE_H_
#define OUNCE_MODEL_ARCH_NAME_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "model/element_map.h"
#include "model/spec.h"
#include "model/tensor_table.h"

namespace ounce {

// How a stored tensor holds several canonical ones.
enum class Fusion : uint8_t {
  kNone,
  kQkv,            // The rows of query, then key, then value: parts 0, 1, 2.
  kQkvByHead,      // For each key head its queries, its key, its value.
  kGateUp,         // The rows of gate, then up: parts 0, 1.
  kExperts,        // [experts, out, in], all experts of one projection.
  kExpertsGateUp,  // [experts, gate and up, in]: parts 0, 1.
  kRowVector,      // A vector stored as [1, size].
};

struct NameRow {
  // Without ".weight" and ".bias"; of a layer's tensor what follows
  // "model.layers.N.", with '@' for an expert's number; in the encoder beside
  // a decoder "encoder." and what follows "encoder.layers.N.".  One that ends
  // in ".weight" or ".bias" is for this one alone.
  absl::string_view canonical;
  // The same in the checkpoint, all of it, with '#' for the layer's number.
  absl::string_view source;
  Fusion fusion = Fusion::kNone;
  int part = 0;
  bool transposed = false;  // Weights are stored [in, out].
  // Whether `source` is the stored name itself, without ".weight".
  bool is_whole_name = false;
};

struct NameTable {
  // Which names may lack: checkpoints of the base model alone do.
  absl::string_view prefix;
  // A tensor of several rows goes by any of these names; one of none by its
  // canonical name.
  absl::Span<const NameRow> rows;
  // The same, without the prefix: what families with several prefixes share.
  absl::Span<const NameRow> base_rows = {};
  // What names of tensors begin with that belong to heads of other kinds, with
  // or without the prefix: harmless.
  absl::Span<const absl::string_view> unused = {};
};

// One place where a checkpoint may hold a canonical tensor.
struct SourceTensor {
  std::string name;
  Shape shape;  // Of the stored tensor.
  ElementMap map;
};

// Where checkpoints hold the tensor of `slot`, the usual place first.
std::vector<SourceTensor> SourceTensorsOf(const NameTable& names,
                                          const ModelSpec& spec,
                                          const TensorSlot& slot);

// True for tensors that carry nothing a model needs: masks, rotary tables,
// numbers of positions, and a copy of a tied head, which is surplus only then.
bool IsHarmless(const NameTable& names, absl::string_view source_name);

}  // namespace ounce

#endif  // OUNCE_MODEL_ARCH_NAME_TABLE_H_
