#include "formats/pytorch/strided_view.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/checked.h"

namespace ounce {
namespace {

// PyTorch's own limit for most of its operations.
constexpr size_t kMaxDimensions = 64;

bool IsEmpty(const StridedView& view) {
  return std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end();
}

// The storage's element of the last index.  nullopt when it overflows.
std::optional<int64_t> LastElement(const StridedView& view) {
  std::optional<int64_t> last = view.offset;
  for (size_t i = 0; i < view.shape.size() && last.has_value(); ++i) {
    const std::optional<int64_t> extent =
        CheckedMul(view.shape[i] - 1, view.strides[i]);
    last = extent.has_value() ? CheckedAdd(*last, *extent) : std::nullopt;
  }
  return last;
}

// The last dimension's elements at `in`, `step` bytes apart.
template <size_t kBytes>
uint8_t* CopyRow(const uint8_t* in, int64_t count, int64_t step, uint8_t* out) {
  for (int64_t i = 0; i < count; ++i, out += kBytes) {
    std::memcpy(out, in + i * step, kBytes);
  }
  return out;
}

template <size_t kBytes>
void Gather(const StridedView& view, const uint8_t* in, uint8_t* out) {
  constexpr auto kSize = static_cast<int64_t>(kBytes);
  const size_t rows = view.shape.size() - 1;  // Dimensions but the last.
  const int64_t count = view.shape.back();
  const int64_t step = view.strides.back() * kSize;
  std::vector<int64_t> index(rows, 0);
  int64_t offset = view.offset;
  for (;;) {
    out = CopyRow<kBytes>(in + offset * kSize, count, step, out);
    // The next row: the last dimension that is not at its end moves on.
    size_t i = rows;
    for (; i > 0; --i) {
      offset += view.strides[i - 1];
      if (++index[i - 1] < view.shape[i - 1]) break;
      offset -= view.shape[i - 1] * view.strides[i - 1];
      index[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

}  // namespace

absl::Status CheckView(const StridedView& view, int64_t storage_elements) {
  bool valid = view.shape.size() <= kMaxDimensions &&
               view.shape.size() == view.strides.size() && view.offset >= 0 &&
               CheckedProduct(view.shape).has_value();
  for (const int64_t stride : view.strides) valid = valid && stride >= 0;
  const std::string description =
      absl::StrCat("shape ", ShapeString(view.shape), " with strides ",
                   ShapeString(view.strides), " at offset ", view.offset);
  if (!valid) {
    return absl::InvalidArgumentError(
        absl::StrCat(description, "; expected up to ", kMaxDimensions,
                     " dimensions, a stride for each, none negative"));
  }
  if (IsEmpty(view)) return absl::OkStatus();
  const std::optional<int64_t> last = LastElement(view);
  if (last.has_value() && *last < storage_elements) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(description,
                                          " reaches beyond its storage of ",
                                          storage_elements, " elements"));
}

bool IsContiguous(const StridedView& view) {
  if (IsEmpty(view)) return true;
  int64_t expected = 1;
  for (size_t i = view.shape.size(); i > 0; --i) {
    if (view.shape[i - 1] == 1) continue;  // Its stride is never taken.
    if (view.strides[i - 1] != expected) return false;
    expected *= view.shape[i - 1];
  }
  return true;
}

void GatherElements(const StridedView& view, absl::Span<const uint8_t> storage,
                    int64_t element_bytes, uint8_t* out) {
  if (IsEmpty(view)) return;
  if (view.shape.empty()) {
    std::memcpy(out, storage.data() + view.offset * element_bytes,
                static_cast<size_t>(element_bytes));
  } else if (element_bytes == 1) {
    Gather<1>(view, storage.data(), out);
  } else if (element_bytes == 2) {
    Gather<2>(view, storage.data(), out);
  } else if (element_bytes == 4) {
    Gather<4>(view, storage.data(), out);
  } else {
    Gather<8>(view, storage.data(), out);
  }
}

}  // namespace ounce
