#include "runtime/kv_cache.h"

namespace ounce {

KvCache::KvCache(const ModelSpec& spec, int64_t capacity)
    : layers_(spec.layers),
      width_(spec.kv_heads * spec.head_dim),
      capacity_(capacity),
      memory_(new float[static_cast<size_t>(2 * layers_ * width_ * capacity)]) {
}

MatrixView<float> KvCache::keys(int64_t layer) const {
  return {memory_.get() + 2 * layer * capacity_ * width_, capacity_, width_};
}

MatrixView<float> KvCache::values(int64_t layer) const {
  return {memory_.get() + (2 * layer + 1) * capacity_ * width_, capacity_,
          width_};
}

int64_t KvCache::bytes() const {
  return 2 * layers_ * width_ * capacity_ * int64_t{sizeof(float)};
}

}  // namespace ounce
