#include "runtime/kv_cache.h"

#include <new>

#include "core/checked.h"

namespace ounce {

std::optional<int64_t> KvCache::Bytes(const ModelSpec& spec, KvType type,
                                      int64_t capacity) {
  if (capacity > INT64_MAX - kKeyBlock) return std::nullopt;
  const std::optional<int64_t> head =
      KvLayer::HeadBytes(type, spec.head_dim, RoundUp(capacity, kKeyBlock));
  if (!head.has_value()) return std::nullopt;
  return CheckedProduct({spec.layers, spec.kv_heads, *head});
}

KvCache::KvCache(const ModelSpec& spec, KvType type, int64_t capacity) {
  // An overflow or a refusal of the system leaves no memory.
  const std::optional<int64_t> bytes = Bytes(spec, type, capacity);
  if (!bytes.has_value()) return;
  shape_.type = type;
  shape_.kv_heads = spec.kv_heads;
  shape_.head_dim = spec.head_dim;
  shape_.capacity = RoundUp(capacity, kKeyBlock);
  layer_bytes_ = *bytes / spec.layers;
  memory_.reset(new (std::nothrow) uint8_t[static_cast<size_t>(*bytes)]);
}

KvLayer KvCache::layer(int64_t index) const {
  KvLayer layer = shape_;
  layer.data = memory_.get() + index * layer_bytes_;
  return layer;
}

}  // namespace ounce
