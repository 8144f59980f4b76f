// How the keys and values of one layer lie in memory.
//
// A head's keys come in blocks of 16 positions, [head_dim][16], so that the
// scores of 16 keys are sums of whole vectors; its values are rows of head_dim
// entries, filled up with zeros to a multiple of 16.  Each is written once, as
// its token arrives.
#ifndef OUNCE_KERNELS_KV_LAYER_H_
#define OUNCE_KERNELS_KV_LAYER_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "core/checked.h"

namespace ounce {

// kF16 saturates at +-65504.  kInt8 has one f32 scale per head and position for
// the key and one for the value: scale = max|x| / 127, rounded half to even.
enum class KvType : uint8_t { kF32, kF16, kInt8 };

// "f32", "f16", "int8".
absl::string_view KvTypeName(KvType type);
std::optional<KvType> ParseKvType(absl::string_view name);
int64_t KvTypeBytes(KvType type);

inline constexpr int64_t kKeyBlock = 16;

// Keys and values of one head.
struct KvHead {
  KvType type = KvType::kF32;
  int64_t head_dim = 0;
  uint8_t* keys = nullptr;        // [capacity / 16][head_dim][16]
  uint8_t* values = nullptr;      // [capacity][value_stride()]
  float* key_scales = nullptr;    // [capacity], kInt8 only
  float* value_scales = nullptr;  // [capacity], kInt8 only

  int64_t value_stride() const { return RoundUp(head_dim, kKeyBlock); }
};

// Keys and values of all heads of one layer, over memory of the caller's.
struct KvLayer {
  KvType type = KvType::kF32;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t capacity = 0;     // Positions, a multiple of kKeyBlock.
  uint8_t* data = nullptr;  // 16-byte aligned, kv_heads * HeadBytes().

  // What one head takes; nullopt when it overflows.
  static std::optional<int64_t> HeadBytes(KvType type, int64_t head_dim,
                                          int64_t capacity);
  KvHead head(int64_t index) const;
};

}  // namespace ounce

#endif  // OUNCE_KERNELS_KV_LAYER_H_
