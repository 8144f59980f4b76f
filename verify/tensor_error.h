// How far the weights of two models are apart, tensor by tensor.
#ifndef OUNCE_VERIFY_TENSOR_ERROR_H_
#define OUNCE_VERIFY_TENSOR_ERROR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "model/bind.h"
#include "model/tensor_source.h"

namespace ounce {

struct TensorError {
  std::string name;   // Canonical.
  std::string codec;  // Of the second model.
  double bits = 0.0;  // Stored bits per weight of the second.
  // 10 log10(sum a^2 / sum (a - b)^2) with `a` the first model's weights;
  // infinite when they are equal.
  double snr_db = 0.0;
  double max_error = 0.0;  // Largest |a - b|.
};

// One side of the comparison; the source gives memory back as tensors are done.
struct TensorSet {
  const BoundTensors& bound;
  const TensorSource& source;
};

// kInvalidArgument: a tensor is in one model only, or has another shape.
absl::StatusOr<std::vector<TensorError>> MeasureTensorErrors(
    const TensorSet& a, const TensorSet& b, ThreadPool* pool,
    const ProgressCallback& progress);

}  // namespace ounce

#endif  // OUNCE_VERIFY_TENSOR_ERROR_H_
