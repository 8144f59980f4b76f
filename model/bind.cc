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

// Of a float codec.
int64_t ElementBytes(Codec codec) { return codec == Codec::kF32 ? 4 : 2; }

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
  return map.column_step == 1 &&
         (map.group_rows == 0 || rows <= map.group_rows);
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
  BoundTensor bound;
  const bool is_vector = slot.shape.size() == 1;
  PackedMatrix& matrix = bound.matrix;
  matrix.codec = *tensor.codec;
  matrix.rows = is_vector ? 1 : slot.shape[0];
  matrix.cols = slot.shape.back();
  matrix.group_size = tensor.group_size;
  matrix.data = tensor.bytes.data();
  matrix.bytes = static_cast<int64_t>(tensor.bytes.size());
  if (!candidate.map.is_identity()) {
    const int64_t size = ElementBytes(matrix.codec);
    matrix.bytes = matrix.rows * matrix.cols * size;
    if (IsContiguous(candidate.map, matrix, is_vector)) {
      matrix.data += candidate.map.first * candidate.map.row_step * size;
    } else {
      bound.map = candidate.map;
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

// Copies rows [begin, end) of a mapped matrix as elements of `Bits`.
template <typename Bits>
void GatherRows(const BoundTensor& tensor, int64_t begin, int64_t end,
                uint8_t* out) {
  const PackedMatrix& matrix = tensor.matrix;
  const ElementMap& map = tensor.map;
  const bool is_vector = tensor.slot.shape.size() == 1;
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

std::vector<uint8_t> CopyRows(const BoundTensor& tensor, int64_t begin,
                              int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  const int64_t size = ElementBytes(matrix.codec);
  std::vector<uint8_t> rows(
      static_cast<size_t>((end - begin) * matrix.cols * size));
  if (size == 4) {
    GatherRows<uint32_t>(tensor, begin, end, rows.data());
  } else {
    GatherRows<uint16_t>(tensor, begin, end, rows.data());
  }
  return rows;
}

}  // namespace

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
  const bool is_vector = tensor.slot.shape.size() == 1;
  const int64_t cols = is_vector ? 1 : matrix.cols;
  const int64_t last_row = is_vector ? matrix.cols : end;
  const int64_t first = map.StoredRow(is_vector ? 0 : begin) * map.row_step;
  const int64_t last =
      map.StoredRow(last_row - 1) * map.row_step + (cols - 1) * map.column_step;
  const int64_t size = ElementBytes(matrix.codec);
  return {matrix.data + first * size,
          static_cast<size_t>((last + 1 - first) * size)};
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
    const int64_t first = begin * matrix.cols * ElementBytes(matrix.codec);
    index = FirstNonFinite(matrix.codec, matrix.data + first, count);
  } else {
    const std::vector<uint8_t> rows = CopyRows(tensor, begin, end);
    index = FirstNonFinite(matrix.codec, rows.data(), count);
  }
  if (index == count) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", tensor.slot.name, "' holds NaN or an infinity at row ",
      begin + index / matrix.cols, ", column ", index % matrix.cols,
      "; the checkpoint is damaged or its training diverged"));
}

}  // namespace ounce
