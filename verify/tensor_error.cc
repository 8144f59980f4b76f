#include "verify/tensor_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/checked.h"
#include "core/packing/codec.h"
#include "core/status_macros.h"
#include "core/tensor.h"

namespace ounce {
namespace {

// Rows that one task compares.
constexpr int64_t kTaskRows = 64;

struct Sums {
  double signal = 0.0;
  double noise = 0.0;
  double max_error = 0.0;
};

Sums CompareRows(const BoundTensor& a, const BoundTensor& b, int64_t begin,
                 int64_t end) {
  std::vector<float> left(static_cast<size_t>(a.matrix.cols));
  std::vector<float> right(static_cast<size_t>(a.matrix.cols));
  Sums sums;
  for (int64_t row = begin; row < end; ++row) {
    ReadRows(a, row, row + 1, left.data());
    ReadRows(b, row, row + 1, right.data());
    for (size_t c = 0; c < left.size(); ++c) {
      const double error = double{left[c]} - double{right[c]};
      sums.signal += double{left[c]} * double{left[c]};
      sums.noise += error * error;
      sums.max_error = std::max(sums.max_error, std::abs(error));
    }
  }
  return sums;
}

Sums CompareTensors(const BoundTensor& a, const BoundTensor& b,
                    ThreadPool* pool) {
  const int64_t rows = a.matrix.rows;
  std::vector<Sums> parts(static_cast<size_t>(DivideUp(rows, kTaskRows)));
  pool->Run(static_cast<int64_t>(parts.size()), [&](int64_t task, int) {
    parts[static_cast<size_t>(task)] = CompareRows(
        a, b, task * kTaskRows, std::min(rows, (task + 1) * kTaskRows));
  });
  Sums sums;
  for (const Sums& part : parts) {
    sums.signal += part.signal;
    sums.noise += part.noise;
    sums.max_error = std::max(sums.max_error, part.max_error);
  }
  return sums;
}

double DecibelRatio(const Sums& sums) {
  if (sums.noise == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(sums.signal / sums.noise);
}

void Release(const TensorSet& set, const BoundTensor& tensor) {
  set.source.Release(StoredBytes(tensor, 0, tensor.matrix.rows));
}

}  // namespace

absl::StatusOr<std::vector<TensorError>> MeasureTensorErrors(
    const TensorSet& a, const TensorSet& b, ThreadPool* pool,
    const ProgressCallback& progress) {
  absl::flat_hash_map<std::string, const BoundTensor*> by_name;
  for (const BoundTensor& tensor : b.bound.tensors) {
    by_name[tensor.slot.name] = &tensor;
  }
  const auto total = static_cast<int64_t>(a.bound.tensors.size());
  if (by_name.size() != a.bound.tensors.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the models have ", total, " and ", by_name.size(),
                     " tensors; expected two versions of one model"));
  }
  std::vector<TensorError> errors;
  for (const BoundTensor& tensor : a.bound.tensors) {
    const auto found = by_name.find(tensor.slot.name);
    if (found == by_name.end() ||
        found->second->slot.shape != tensor.slot.shape) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor '", tensor.slot.name, "' of shape ",
          ShapeString(tensor.slot.shape),
          " is not in the second model in that shape; expected two versions of "
          "one model"));
    }
    const PackedMatrix& matrix = found->second->matrix;
    const Sums sums = CompareTensors(tensor, *found->second, pool);
    Release(a, tensor);
    Release(b, *found->second);
    errors.push_back({tensor.slot.name,
                      std::string(GetCodecInfo(matrix.codec).name),
                      8.0 * static_cast<double>(matrix.bytes) /
                          static_cast<double>(matrix.rows * matrix.cols),
                      DecibelRatio(sums), sums.max_error});
    ReportProgress(progress, static_cast<int64_t>(errors.size()), total);
  }
  return errors;
}

}  // namespace ounce
