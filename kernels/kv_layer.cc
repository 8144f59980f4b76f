#include "kernels/kv_layer.h"

#include "core/check.h"

namespace ounce {
namespace {

struct TypeInfo {
  KvType type;
  absl::string_view name;
  int64_t bytes;
};
// In the order of the enum.
constexpr TypeInfo kTypes[] = {{KvType::kF32, "f32", 4},
                               {KvType::kF16, "f16", 2},
                               {KvType::kInt8, "int8", 1}};

}  // namespace

absl::string_view KvTypeName(KvType type) {
  return kTypes[static_cast<size_t>(type)].name;
}

std::optional<KvType> ParseKvType(absl::string_view name) {
  for (const TypeInfo& info : kTypes) {
    if (info.name == name) return info.type;
  }
  return std::nullopt;
}

int64_t KvTypeBytes(KvType type) {
  return kTypes[static_cast<size_t>(type)].bytes;
}

std::optional<int64_t> KvLayer::HeadBytes(KvType type, int64_t head_dim,
                                          int64_t capacity) {
  OUNCE_DCHECK(capacity % kKeyBlock == 0);
  const int64_t row = head_dim + RoundUp(head_dim, kKeyBlock);
  const int64_t scales = type == KvType::kInt8 ? 2 * int64_t{sizeof(float)} : 0;
  const std::optional<int64_t> position =
      CheckedProduct({row, KvTypeBytes(type)});
  if (!position.has_value()) return std::nullopt;
  return CheckedProduct({capacity, *position + scales});
}

KvHead KvLayer::head(int64_t index) const {
  KvHead head;
  head.type = type;
  head.head_dim = head_dim;
  head.keys = data + index * *HeadBytes(type, head_dim, capacity);
  head.values = head.keys + capacity * head_dim * KvTypeBytes(type);
  if (type == KvType::kInt8) {
    head.key_scales =
        reinterpret_cast<float*>(head.values + capacity * head.value_stride());
    head.value_scales = head.key_scales + capacity;
  }
  return head;
}

}  // namespace ounce
