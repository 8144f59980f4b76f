// A TensorSource in memory, for tests that need tensors and no file.
#ifndef OUNCE_TESTS_UTIL_FAKE_TENSOR_SOURCE_H_
#define OUNCE_TESTS_UTIL_FAKE_TENSOR_SOURCE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/packing/codec.h"
#include "core/packing/dense.h"
#include "model/tensor_source.h"

namespace ounce {

class FakeTensorSource : public TensorSource {
 public:
  // A tensor of a type that may be a weight.
  void Add(std::string name, Shape shape, Codec codec, int64_t group_size,
           std::vector<uint8_t> bytes) {
    storage_.push_back(std::move(bytes));
    tensors_.push_back({std::move(name), std::move(shape),
                        std::string(GetCodecInfo(codec).name), codec,
                        group_size, storage_.back(), false, 0});
  }

  // Float values, narrowed to `codec`.
  void AddFloats(std::string name, Shape shape, absl::Span<const float> values,
                 Codec codec = Codec::kF32) {
    const size_t size = codec == Codec::kF32 ? 4 : 2;
    std::vector<uint8_t> bytes(values.size() * size);
    PackDense(codec, values.data(), static_cast<int64_t>(values.size()),
              bytes.data());
    Add(std::move(name), std::move(shape), codec, 0, std::move(bytes));
  }

  // A tensor of a type that cannot be a weight.
  void AddOther(std::string name, Shape shape, std::string dtype) {
    tensors_.push_back({std::move(name),
                        std::move(shape),
                        std::move(dtype),
                        std::nullopt,
                        0,
                        {},
                        false,
                        0});
  }

  void Remove(absl::string_view name) {
    std::erase_if(tensors_, [name](const StoredTensor& tensor) {
      return tensor.name == name;
    });
  }

  // The bytes of a tensor, to damage them; null when there is none.
  uint8_t* MutableBytes(absl::string_view name) {
    const StoredTensor* tensor = Find(name);
    return tensor == nullptr ? nullptr
                             : const_cast<uint8_t*>(tensor->bytes.data());
  }

  // A tensor that there is, to say more of it.
  StoredTensor* Mutable(absl::string_view name) {
    return const_cast<StoredTensor*>(Find(name));
  }

  // What was given to Release(), one after the other.
  const std::vector<absl::Span<const uint8_t>>& released() const {
    return released_;
  }
  int64_t released_bytes() const {
    int64_t bytes = 0;
    for (const absl::Span<const uint8_t> part : released_) {
      bytes += static_cast<int64_t>(part.size());
    }
    return bytes;
  }

  absl::Span<const StoredTensor> tensors() const override { return tensors_; }
  const StoredTensor* Find(absl::string_view name) const override {
    for (const StoredTensor& tensor : tensors_) {
      if (tensor.name == name) return &tensor;
    }
    return nullptr;
  }
  void Release(absl::Span<const uint8_t> part) const override {
    released_.push_back(part);
  }

 private:
  std::deque<std::vector<uint8_t>> storage_;  // Addresses stay.
  std::vector<StoredTensor> tensors_;
  mutable std::vector<absl::Span<const uint8_t>> released_;
};

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_FAKE_TENSOR_SOURCE_H_
