#include "model/bind.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace ounce {
namespace {

std::vector<std::string> CandidateNames(const TensorSlot& slot,
                                        const Architecture* architecture) {
  if (architecture == nullptr) return {slot.name};
  return architecture->source_names(slot.name);
}

const StoredTensor* FindFirst(const TensorSource& source,
                              const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (const StoredTensor* tensor = source.Find(name)) return tensor;
  }
  return nullptr;
}

absl::StatusOr<PackedMatrix> ToMatrix(const TensorSlot& slot,
                                      const StoredTensor& tensor) {
  if (tensor.shape != slot.shape) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor '", tensor.name, "' has shape ", ShapeString(tensor.shape),
        "; the config asks for ", ShapeString(slot.shape)));
  }
  if (!tensor.codec.has_value()) {
    return absl::UnimplementedError(
        absl::StrCat("tensor '", tensor.name, "' has type ", tensor.dtype,
                     "; weights may be F32, F16 or BF16"));
  }
  PackedMatrix matrix;
  matrix.codec = *tensor.codec;
  matrix.rows = slot.shape.size() == 2 ? slot.shape[0] : 1;
  matrix.cols = slot.shape.back();
  matrix.group_size = tensor.group_size;
  matrix.data = tensor.bytes.data();
  matrix.bytes = static_cast<int64_t>(tensor.bytes.size());
  return matrix;
}

std::vector<std::string> SurplusNames(
    const TensorSource& source, const Architecture* architecture,
    const absl::flat_hash_set<std::string>& used) {
  std::vector<std::string> surplus;
  for (const StoredTensor& tensor : source.tensors()) {
    if (used.contains(tensor.name)) continue;
    if (architecture != nullptr && architecture->is_harmless(tensor.name)) {
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

int64_t FirstNonFinite(const PackedMatrix& matrix, int64_t begin, int64_t end) {
  const int64_t first = begin * matrix.cols;
  const int64_t count = (end - begin) * matrix.cols;
  switch (matrix.codec) {
    case Codec::kF32:
      return FirstNonFinite<uint32_t>(matrix.data + first * 4, count,
                                      0x7F800000u);
    case Codec::kF16:
      return FirstNonFinite<uint16_t>(matrix.data + first * 2, count, 0x7C00u);
    case Codec::kBF16:
      return FirstNonFinite<uint16_t>(matrix.data + first * 2, count, 0x7F80u);
    default:
      return count;
  }
}

}  // namespace

absl::StatusOr<BoundTensors> BindTensors(const ModelSpec& spec,
                                         const Architecture* architecture,
                                         const TensorSource& source) {
  BoundTensors bound;
  absl::flat_hash_set<std::string> used;
  for (TensorSlot& slot : TensorTable(spec)) {
    const std::vector<std::string> names = CandidateNames(slot, architecture);
    const StoredTensor* tensor = FindFirst(source, names);
    if (tensor == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", absl::StrJoin(names, "' or '"), "' of shape ",
          ShapeString(slot.shape),
          " is missing; is the checkpoint complete and its config.json its "
          "own?"));
    }
    OUNCE_ASSIGN_OR_RETURN(const PackedMatrix matrix, ToMatrix(slot, *tensor));
    used.insert(tensor->name);
    bound.tensors.push_back({std::move(slot), matrix});
  }
  bound.surplus = SurplusNames(source, architecture, used);
  return bound;
}

absl::Status CheckFinite(const BoundTensor& tensor, int64_t begin,
                         int64_t end) {
  const PackedMatrix& matrix = tensor.matrix;
  const int64_t index = FirstNonFinite(matrix, begin, end);
  if (index == (end - begin) * matrix.cols) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", tensor.slot.name, "' holds NaN or an infinity at row ",
      begin + index / matrix.cols, ", column ", index % matrix.cols,
      "; the checkpoint is damaged or its training diverged"));
}

}  // namespace ounce
