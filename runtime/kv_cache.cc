#include "runtime/kv_cache.h"

#include <new>

#include "core/checked.h"

namespace ounce {
namespace {

// Null when the size overflows or the system refuses it.
float* AllocateFloats(std::optional<int64_t> bytes) {
  if (!bytes.has_value()) return nullptr;
  return new (std::nothrow) float[static_cast<size_t>(*bytes) / sizeof(float)];
}

}  // namespace

KvCache::KvCache(const ModelSpec& spec, int64_t capacity)
    : layers_(spec.layers),
      width_(spec.kv_heads * spec.head_dim),
      capacity_(capacity),
      memory_(AllocateFloats(bytes())) {}

MatrixView<float> KvCache::keys(int64_t layer) const {
  return {memory_.get() + 2 * layer * capacity_ * width_, capacity_, width_};
}

MatrixView<float> KvCache::values(int64_t layer) const {
  return {memory_.get() + (2 * layer + 1) * capacity_ * width_, capacity_,
          width_};
}

std::optional<int64_t> KvCache::bytes() const {
  return CheckedProduct(
      {2, layers_, width_, capacity_, int64_t{sizeof(float)}});
}

}  // namespace ounce
