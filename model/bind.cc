#include "model/bind.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "model/arch/name_table.h"

namespace ounce {
namespace {

// Of a codec whose elements are numbers.
int64_t ElementBytes(Codec codec) { return codec == Codec::kF32 ? 4 : 2; }

bool IsVector(const BoundTensor& tensor) {
  return tensor.slot.shape.size() == 1;
}

// Whether each row of the matrix is a stretch of the stored elements as long.
// A vector's elements are rows of the map.
bool HasWholeRows(const ElementMap& map, int64_t cols, bool is_vector) {
  return !is_vector && map.column_step == 1 && map.row_step == cols;
}

std::vector<SourceTensor> CandidatesOf(const ModelSpec& spec,
                                       const TensorSlot& slot,
                                       const Architecture* architecture) {
  if (architecture == nullptr) return {{slot.name, slot.shape, {}}};
  return SourceTensorsOf(architecture->names, spec, slot);
}

std::string NamesOf(const std::vector<SourceTensor>& candidates) {
  return absl::StrJoin(candidates, "' or '",
                       [](std::string* out, const SourceTensor& candidate) {
                         absl::StrAppend(out, candidate.name);
                       });
}

// A matrix whose rows follow each other is no less where it begins inside a
// stored tensor.
bool IsContiguous(const ElementMap& map, const PackedMatrix& matrix,
                  bool is_vector) {
  const int64_t rows = is_vector ? matrix.cols : matrix.rows;
  return map.column_step == 1 && map.pair_rows == 0 &&
         (map.group_rows == 0 || rows <= map.group_rows);
}

// Where the elements of a candidate are, given how its tensor is stored.
// kUnimplemented: a transposed tensor that holds parts otherwise than as rows
// or columns of a matrix.
absl::StatusOr<ElementMap> MapOf(const SourceTensor& candidate,
                                 const StoredTensor& tensor) {
  ElementMap map = candidate.map;
  if (!tensor.transposed && tensor.pair_rows == 0) return map;
  const Shape& shape = tensor.shape;
  if (map.is_identity()) map.row_step = shape.size() == 1 ? 1 : shape.back();
  map.pair_rows = tensor.pair_rows;
  if (!tensor.transposed) return map;
  if (shape.size() == 2 && map.column_step == 1 && map.row_step == shape[1]) {
    map.row_step = 1;
    map.column_step = shape[0];
  } else if (shape.size() == 2 && map.row_step == 1 &&
             map.column_step == shape[1]) {
    map.row_step = shape[0];
    map.column_step = 1;
  } else {
    return absl::UnimplementedError(
        absl::StrCat("tensor '", tensor.name, "' of shape ", ShapeString(shape),
                     " is stored transposed, and holds more than a matrix"));
  }
  return map;
}

// Blocks can be gathered by whole rows alone.
absl::Status CheckBlocks(const PackedMatrix& matrix, const ElementMap& map,
                         const StoredTensor& tensor, bool is_vector) {
  if (!IsForeign(matrix.codec) || map.is_identity() ||
      HasWholeRows(map, matrix.cols, is_vector)) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(absl::StrCat(
      "tensor '", tensor.name, "' has type ", tensor.dtype,
      ", whose blocks would have to be taken apart; store it as F16 or F32"));
}

absl::StatusOr<BoundTensor> ToBound(TensorSlot slot,
                                    const SourceTensor& candidate,
                                    const StoredTensor& tensor) {
  if (tensor.shape != candidate.shape) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", tensor.name, "' has shape ", ShapeString(tensor.shape),
        "; the config asks for ", ShapeString(candidate.shape)));
  }
  if (!tensor.codec.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("tensor '", tensor.name, "' has type ", tensor.dtype,
                     "; weights may be F32, F16 or BF16"));
  }
  OUNCE_ASSIGN_OR_RETURN(const ElementMap map, MapOf(candidate, tensor));
  BoundTensor bound;
  const bool is_vector = slot.shape.size() == 1;
  PackedMatrix& matrix = bound.matrix;
  matrix.codec = *tensor.codec;
  matrix.rows = is_vector ? 1 : slot.shape[0];
  matrix.cols = slot.shape.back();
  matrix.group_size = tensor.group_size;
  matrix.data = tensor.bytes.data();
  matrix.bytes = static_cast<int64_t>(tensor.bytes.size());
  OUNCE_RETURN_IF_ERROR(CheckBlocks(matrix, map, tensor, is_vector));
  if (!map.is_identity()) {
    matrix.bytes = matrix.rows * RowBytes(matrix.codec, matrix.cols);
    if (IsContiguous(map, matrix, is_vector)) {
      // A vector's elements are rows of the map, a matrix's rows are whole.
      const int64_t step = is_vector ? map.row_step * ElementBytes(matrix.codec)
                                     : RowBytes(matrix.codec, map.row_step);
      matrix.data += map.first * step;
    } else {
      bound.map = map;
    }
  }
  bound.slot = std::move(slot);
  return bound;
}

std::vector<std::string> SurplusNames(
    const TensorSource& source, const Architecture* architecture,
    const absl::flat_hash_set<std::string>& used) {
  std::vector<std::string> surplus;
  for (const StoredTensor& tensor : source.tensors()) {
    if (used.contains(tensor.name)) continue;
    if (architecture != nullptr &&
        IsHarmless(architecture->names, tensor.name)) {
      continue;
    }
    surplus.push_back(tensor.name);
  }
  std::sort(surplus.begin(), surplus.end());
  return surplus;
}

// Where `source` has the tensor of `slot` in the slot's shape, or null.
const StoredTensor* FindStored(const Architecture& architecture,
                               const ModelSpec& spec, const TensorSlot& slot,
                               const TensorSource& source) {
  for (const SourceTensor& candidate :
       SourceTensorsOf(architecture.names, spec, slot)) {
    const StoredTensor* tensor = source.Find(candidate.name);
    if (tensor != nullptr && tensor->shape == candidate.shape) return tensor;
  }
  return nullptr;
}

// The index of the first element whose exponent bits are all ones, or `count`.
template <typename Bits>
int64_t FirstNonFinite(const uint8_t* data, int64_t count, Bits exponent) {
  constexpr int64_t kChunk = 4096;
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(count, begin + kChunk);
    // Without an early exit inside and in elements of one size, so that the
    // compiler vectorises it: all ones for a hit, as a vector comparison gives.
    Bits any = 0;
    for (int64_t i = begin; i < end; ++i) {
      Bits bits;
      std::memcpy(&bits, data + i * int64_t{sizeof(Bits)}, sizeof(Bits));
      const bool hit = static_cast<Bits>(bits & exponent) == exponent;
      any = static_cast<Bits>(any | (hit ? ~Bits{0} : Bits{0}));
    }
    if (any == 0) continue;
    for (int64_t i = begin; i < end; ++i) {
      Bits bits;
      std::memcpy(&bits, data + i * int64_t{sizeof(Bits)}, sizeof(Bits));
      if ((bits & exponent) == exponent) return i;
    }
  }
  return count;
}

int64_t FirstNonFinite(Codec codec, const uint8_t* data, int64_t count) {
  switch (codec) {
    case Codec::kF32:
      return FirstNonFinite<uint32_t>(data, count, 0x7F800000u);
    case Codec::kF16:
      return FirstNonFinite<uint16_t>(data, count, 0x7C00u);
    case Codec::kBF16:
      return FirstNonFinite<uint16_t>(data, count, 0x7F80u);
    default:
      return count;
  }
}

// The first block with a scale that is no finite number, or `count`.
int64_t FirstNonFiniteBlock(const BlockLayout& block, const uint8_t* data,
                            int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* scales = data + i * block.bytes + block.scales_offset;
    if (FirstNonFinite<uint16_t>(scales, block.num_scales, 0x7C00u) !=
        block.num_scales) {
      return i;
    }
  }
  return count;
}

// The first of `count` elements of whole rows that is not finite, or in a block
// that is not; or `count`.
int64_t FirstNonFiniteElement(Codec codec, const uint8_t* data, int64_t count) {
  if (!IsForeign(codec)) return FirstNonFinite(codec, data, count);
  const BlockLayout& block = GetCodecInfo(codec).block;
  return block.cols * FirstNonFiniteBlock(block, data, count / block.cols);
}

// Copies rows [begin, end) of a mapped matrix as elements of `Bits`.
template <typename Bits>
void GatherElements(const BoundTensor& tensor, int64_t begin, int64_t end,
                    uint8_t* out) {
  const PackedMatrix& matrix = tensor.matrix;
  const ElementMap& map = tensor.map;
  const bool is_vector = IsVector(tensor);
  // A vector's elements are rows of the map.
  const int64_t cols = is_vector ? 1 : matrix.cols;
  const int64_t first = is_vector ? begin * matrix.cols : begin;
  const int64_t last = is_vector ? end * matrix.cols : end;
  constexpr auto kSize = static_cast<int64_t>(sizeof(Bits));
  for (int64_t r = first; r < last; ++r) {
    const uint8_t* in = matrix.data + map.StoredRow(r) * map.row_step * kSize;
    for (int64_t c = 0; c < cols; ++c) {
      std::memcpy(out, in + c * map.column_step * kSize, sizeof(Bits));
      out += kSize;
    }
  }
}

void GatherWholeRows(const BoundTensor& tensor, int64_t begin, int64_t end,
                     uint8_t* out) {
  const PackedMatrix& matrix = tensor.matrix;
  const int64_t bytes = RowBytes(matrix.codec, matrix.cols);
  for (int64_t r = begin; r < end; ++r, out += bytes) {
    std::memcpy(out, matrix.data + tensor.map.StoredRow(r) * bytes,
                static_cast<size_t>(bytes));
  }
}

std::vector<uint8_t> CopyRows(const BoundTensor& tensor, int64_t begin,
                              int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  std::vector<uint8_t> rows(
      static_cast<size_t>((end - begin) * RowBytes(matrix.codec, matrix.cols)));
  if (HasWholeRows(tensor.map, matrix.cols, IsVector(tensor))) {
    GatherWholeRows(tensor, begin, end, rows.data());
  } else if (ElementBytes(matrix.codec) == 4) {
    GatherElements<uint32_t>(tensor, begin, end, rows.data());
  } else {
    GatherElements<uint16_t>(tensor, begin, end, rows.data());
  }
  return rows;
}

}  // namespace

void AdoptHead(const Architecture& architecture, const TensorSource& source,
               ModelSpec* spec) {
  const bool decoder = spec->causal && !spec->has_encoder();
  if (decoder || spec->head != HeadKind::kLanguageModel || !spec->tied_head) {
    return;
  }
  const Shape shape = {spec->vocab, spec->token_width()};
  const StoredTensor* head =
      FindStored(architecture, *spec,
                 {std::string(kHeadName), shape, TensorRole::kHead}, source);
  const StoredTensor* embedding = FindStored(
      architecture, *spec,
      {std::string(kEmbeddingName), shape, TensorRole::kEmbedding}, source);
  if (head == nullptr || embedding == nullptr) return;
  if (head->dtype != embedding->dtype) return;
  spec->tied_head = head->bytes == embedding->bytes;
}

void DropAbsent(const Architecture& architecture, const TensorSource& source,
                ModelSpec* spec) {
  const auto has = [&](std::string name, Shape shape) {
    const TensorSlot slot = {std::move(name), std::move(shape),
                             TensorRole::kVector};
    const auto candidates = SourceTensorsOf(architecture.names, *spec, slot);
    return std::any_of(candidates.begin(), candidates.end(),
                       [&](const SourceTensor& candidate) {
                         return source.Find(candidate.name) != nullptr;
                       });
  };
  if (spec->head == HeadKind::kNone && spec->transform.present) {
    const std::string name = absl::StrCat(TransformName(spec->head), ".weight");
    spec->transform.present = has(name, {spec->width, spec->width});
  }
  const bool decoder = spec->causal && !spec->has_encoder();
  if (spec->head == HeadKind::kLanguageModel && spec->head_bias && !decoder) {
    spec->head_bias = has(std::string(kHeadBiasName), {spec->vocab});
  }
}

absl::StatusOr<BoundTensors> BindTensors(const ModelSpec& spec,
                                         const Architecture* architecture,
                                         const TensorSource& source) {
  BoundTensors bound;
  absl::flat_hash_set<std::string> used;
  for (TensorSlot& slot : TensorTable(spec)) {
    const std::vector<SourceTensor> candidates =
        CandidatesOf(spec, slot, architecture);
    const auto found =
        std::find_if(candidates.begin(), candidates.end(),
                     [&](const SourceTensor& candidate) {
                       return source.Find(candidate.name) != nullptr;
                     });
    if (found == candidates.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", NamesOf(candidates), "' of shape ",
          ShapeString(candidates.front().shape),
          " is missing; is the checkpoint complete and its config.json its "
          "own?"));
    }
    OUNCE_ASSIGN_OR_RETURN(
        BoundTensor tensor,
        ToBound(std::move(slot), *found, *source.Find(found->name)));
    used.insert(found->name);
    bound.tensors.push_back(std::move(tensor));
  }
  bound.surplus = SurplusNames(source, architecture, used);
  return bound;
}

void ReadRows(const BoundTensor& tensor, int64_t begin, int64_t end,
              float* out) {
  const auto unpack = GetCodecInfo(tensor.matrix.codec).unpack_rows;
  if (tensor.map.is_identity()) {
    unpack(tensor.matrix, begin, end, out);
    return;
  }
  const std::vector<uint8_t> rows = CopyRows(tensor, begin, end);
  PackedMatrix gathered = tensor.matrix;
  gathered.data = rows.data();
  unpack(gathered, 0, end - begin, out);
}

absl::Span<const uint8_t> StoredBytes(const BoundTensor& tensor, int64_t begin,
                                      int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  const ElementMap& map = tensor.map;
  if (map.is_identity()) {
    const int64_t row_bytes = matrix.bytes / matrix.rows;
    return {matrix.data + begin * row_bytes,
            static_cast<size_t>((end - begin) * row_bytes)};
  }
  const bool is_vector = IsVector(tensor);
  int64_t first = map.StoredRow(is_vector ? 0 : begin);
  int64_t last = first;
  for (int64_t r = begin; r < (is_vector ? matrix.cols : end); ++r) {
    first = std::min(first, map.StoredRow(r));
    last = std::max(last, map.StoredRow(r));
  }
  if (HasWholeRows(map, matrix.cols, is_vector)) {
    const int64_t bytes = RowBytes(matrix.codec, matrix.cols);
    return {matrix.data + first * bytes,
            static_cast<size_t>((last + 1 - first) * bytes)};
  }
  const int64_t cols = is_vector ? 1 : matrix.cols;
  const int64_t size = ElementBytes(matrix.codec);
  const int64_t elements =
      (last - first) * map.row_step + (cols - 1) * map.column_step + 1;
  return {matrix.data + first * map.row_step * size,
          static_cast<size_t>(elements * size)};
}

std::vector<uint8_t> CopyMatrix(const BoundTensor& tensor) {
  const PackedMatrix& matrix = tensor.matrix;
  if (!tensor.map.is_identity()) return CopyRows(tensor, 0, matrix.rows);
  return {matrix.data, matrix.data + matrix.bytes};
}

absl::Status CheckFinite(const BoundTensor& tensor, int64_t begin,
                         int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  if (GetCodecInfo(matrix.codec).quantized) return absl::OkStatus();
  const int64_t count = (end - begin) * matrix.cols;
  int64_t index;
  if (tensor.map.is_identity()) {
    const int64_t first = begin * RowBytes(matrix.codec, matrix.cols);
    index = FirstNonFiniteElement(matrix.codec, matrix.data + first, count);
  } else {
    const std::vector<uint8_t> rows = CopyRows(tensor, begin, end);
    index = FirstNonFiniteElement(matrix.codec, rows.data(), count);
  }
  if (index == count) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", tensor.slot.name, "' holds NaN or an infinity at row ",
      begin + index / matrix.cols, ", column ", index % matrix.cols,
      "; the checkpoint is damaged or its training diverged"));
}

}  // namespace ounce
