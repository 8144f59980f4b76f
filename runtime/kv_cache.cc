#include "runtime/kv_cache.h"

#include <cstring>
#include <new>

#include "core/checked.h"

namespace ounce {
namespace {

int64_t StoredLayers(const ModelSpec& spec) {
  return spec.causal ? spec.layers : 1;
}

}  // namespace

std::optional<int64_t> KvCache::Bytes(const ModelSpec& spec, KvType type,
                                      int64_t capacity) {
  if (capacity > INT64_MAX - kKeyBlock) return std::nullopt;
  const std::optional<int64_t> head =
      KvLayer::HeadBytes(type, spec.head_dim, RoundUp(capacity, kKeyBlock));
  if (!head.has_value()) return std::nullopt;
  return CheckedProduct({StoredLayers(spec), spec.kv_heads, *head});
}

KvCache::KvCache(const ModelSpec& spec, KvType type, int64_t capacity) {
  // An overflow or a refusal of the system leaves no memory.
  const std::optional<int64_t> bytes = Bytes(spec, type, capacity);
  if (!bytes.has_value()) return;
  shape_.type = type;
  shape_.kv_heads = spec.kv_heads;
  shape_.head_dim = spec.head_dim;
  shape_.capacity = RoundUp(capacity, kKeyBlock);
  layers_ = StoredLayers(spec);
  layer_bytes_ = *bytes / layers_;
  memory_.reset(new (std::nothrow) uint8_t[static_cast<size_t>(*bytes)]);
}

KvLayer KvCache::layer(int64_t index) const {
  KvLayer layer = shape_;
  layer.data = memory_.get() + (layers_ == 1 ? 0 : index) * layer_bytes_;
  return layer;
}

void KvCache::CopyFrom(const KvCache& other) {
  size_ = other.size_;
  const auto entry = static_cast<size_t>(KvTypeBytes(shape_.type));
  const auto positions = static_cast<size_t>(size_);
  const auto blocks = static_cast<size_t>(RoundUp(size_, kKeyBlock));
  for (int64_t l = 0; l < layers_; ++l) {
    for (int64_t h = 0; h < shape_.kv_heads; ++h) {
      const KvHead to = layer(l).head(h);
      const KvHead from = other.layer(l).head(h);
      const auto width = static_cast<size_t>(to.head_dim);
      const auto stride = static_cast<size_t>(to.value_stride());
      std::memcpy(to.keys, from.keys, blocks * width * entry);
      std::memcpy(to.values, from.values, positions * stride * entry);
      if (shape_.type != KvType::kInt8) continue;
      std::memcpy(to.key_scales, from.key_scales, positions * sizeof(float));
      std::memcpy(to.value_scales, from.value_scales,
                  positions * sizeof(float));
    }
  }
}

}  // namespace ounce
