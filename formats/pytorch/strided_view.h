// A tensor as a view of a storage: its elements are where offset and strides
// say, which may be in another order than its own, or several times the same.
#ifndef OUNCE_FORMATS_PYTORCH_STRIDED_VIEW_H_
#define OUNCE_FORMATS_PYTORCH_STRIDED_VIEW_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace ounce {

// Element (i, j, ...) of the tensor is the storage's element
//   offset + i * strides[0] + j * strides[1] + ...
struct StridedView {
  int64_t offset = 0;
  Shape shape;
  Shape strides;
};

// kInvalidArgument: more than 64 dimensions, not as many strides, a negative
// number, or a product that overflows.  kDataLoss: an element outside a storage
// of `storage_elements`.
absl::Status CheckView(const StridedView& view, int64_t storage_elements);

// True when the elements follow each other in row-major order.
// REQUIRES, as what follows: CheckView() is OK.
bool IsContiguous(const StridedView& view);

// Copies the elements, of 1, 2, 4 or 8 bytes each, in row-major order to `out`.
void GatherElements(const StridedView& view, absl::Span<const uint8_t> storage,
                    int64_t element_bytes, uint8_t* out);

}  // namespace ounce

#endif  // OUNCE_FORMATS_PYTORCH_STRIDED_VIEW_H_
