// The keys and values of the tokens a model has seen, so that each new token
// computes only its own.
#ifndef OUNCE_RUNTIME_KV_CACHE_H_
#define OUNCE_RUNTIME_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "core/tensor.h"
#include "model/spec.h"

namespace ounce {

// f32.  Not thread-safe.
class KvCache {
 public:
  // Room for `capacity` positions; memory is taken as positions are written.
  KvCache(const ModelSpec& spec, int64_t capacity);

  // False when the system has not that much memory: the cache is of no use
  // then.
  bool allocated() const { return memory_ != nullptr; }

  int64_t capacity() const { return capacity_; }
  // Positions that are written.
  int64_t size() const { return size_; }
  // Forgets all positions, or all from `size` on.
  void Truncate(int64_t size) { size_ = size; }
  void Advance(int64_t tokens) { size_ += tokens; }

  // [capacity, kv_heads * head_dim] each.
  MatrixView<float> keys(int64_t layer) const;
  MatrixView<float> values(int64_t layer) const;

  // What keys and values of all positions take, if that can be counted at all.
  std::optional<int64_t> bytes() const;

 private:
  const int64_t layers_;
  const int64_t width_;  // kv_heads * head_dim
  const int64_t capacity_;
  int64_t size_ = 0;
  // Left uninitialised: pages that are never written cost nothing.
  const std::unique_ptr<float[]> memory_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_KV_CACHE_H_
