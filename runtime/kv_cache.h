// The keys and values of the tokens a model has seen, so that each new token
// computes only its own.
#ifndef OUNCE_RUNTIME_KV_CACHE_H_
#define OUNCE_RUNTIME_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "kernels/kv_layer.h"
#include "model/spec.h"

namespace ounce {

// Of one sequence.  Not thread-safe.
class KvCache {
 public:
  // Room for `capacity` positions; memory is taken as positions are written.  A
  // model that is not causal computes all positions anew each time: its layers
  // share the memory of one.
  KvCache(const ModelSpec& spec, KvType type, int64_t capacity);

  // False when the system has not that much memory: the cache is of no use
  // then.
  bool allocated() const { return memory_ != nullptr; }

  // Positions that are written.
  int64_t size() const { return size_; }
  // Forgets all positions, or all from `size` on.
  void Truncate(int64_t size) { size_ = size; }
  void Advance(int64_t tokens) { size_ += tokens; }
  // Takes over the positions of `other`, which has the same shape.
  void CopyFrom(const KvCache& other);

  KvLayer layer(int64_t index) const;

  // What all positions take; nullopt when it overflows.
  static std::optional<int64_t> Bytes(const ModelSpec& spec, KvType type,
                                      int64_t capacity);

 private:
  KvLayer shape_;  // Of every layer, without its memory.
  int64_t layers_ = 1;
  int64_t layer_bytes_ = 0;
  int64_t size_ = 0;
  // Left uninitialised: pages that are never written cost nothing.
  std::unique_ptr<uint8_t[]> memory_;
};

}  // namespace ounce

#endif  // OUNCE_RUNTIME_KV_CACHE_H_
