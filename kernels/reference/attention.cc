#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/checked.h"
#include "core/half.h"
#include "kernels/reference/reference.h"

namespace ounce::reference {
namespace {

constexpr float kMaxF16 = 65504.0f;

int64_t KeyIndex(const KvHead& kv, int64_t position, int64_t i) {
  return position / kKeyBlock * kKeyBlock * kv.head_dim + i * kKeyBlock +
         position % kKeyBlock;
}

int64_t ValueIndex(const KvHead& kv, int64_t position, int64_t i) {
  return position * kv.value_stride() + i;
}

void StoreEntry(KvType type, float value, uint8_t* entries, int64_t index) {
  if (type == KvType::kF32) {
    std::memcpy(entries + 4 * index, &value, 4);
    return;
  }
  const uint16_t bits = F32ToF16(std::clamp(value, -kMaxF16, kMaxF16));
  std::memcpy(entries + 2 * index, &bits, 2);
}

// value = scale * code; zeros after the vector's end.
std::vector<int8_t> QuantizeVector(const float* x, int64_t size, float* scale) {
  const int64_t stride = RoundUp(size, kSumCols);
  std::vector<int8_t> codes(static_cast<size_t>(stride));
  std::vector<int32_t> unused_sums(static_cast<size_t>(stride / kSumCols));
  QuantizeRow(x, size, stride, codes.data(), scale, unused_sums.data());
  return codes;
}

float LoadEntry(const KvHead& kv, const uint8_t* entries, const float* scales,
                int64_t index, int64_t position) {
  switch (kv.type) {
    case KvType::kF32: {
      float value;
      std::memcpy(&value, entries + 4 * index, 4);
      return value;
    }
    case KvType::kF16: {
      uint16_t bits;
      std::memcpy(&bits, entries + 2 * index, 2);
      return F16ToF32(bits);
    }
    case KvType::kInt8:
      return static_cast<float>(static_cast<int8_t>(entries[index])) *
             scales[position];
  }
  return 0.0f;
}

bool IsVisible(const AttentionTile& tile, int64_t key) {
  return tile.key_mask == nullptr || tile.key_mask[key] != 0;
}

// -infinity for a hidden key.
float Score(const AttentionTile& tile, int64_t row, int64_t key) {
  if (!IsVisible(tile, key)) return -std::numeric_limits<float>::infinity();
  const KvHead& kv = tile.kv;
  double dot = 0.0;
  for (int64_t i = 0; i < kv.head_dim; ++i) {
    dot += double{tile.queries[row][i]} *
           double{LoadEntry(kv, kv.keys, kv.key_scales, KeyIndex(kv, key, i),
                            key)};
  }
  auto score = static_cast<float>(dot * double{tile.scale});
  if (tile.soft_cap > 0.0f) SoftCap(tile.soft_cap, 1, &score);
  return tile.biases == nullptr ? score : score + tile.biases[row][key];
}

void AttendRow(const AttentionTile& tile, int64_t row) {
  const KvHead& kv = tile.kv;
  const int64_t begin = tile.begin_keys[row];
  const int64_t end = tile.end_keys[row];
  std::vector<double> weights;
  float max_score = -std::numeric_limits<float>::infinity();
  for (int64_t key = begin; key < end; ++key) {
    weights.push_back(double{Score(tile, row, key)});
    max_score = std::max(max_score, static_cast<float>(weights.back()));
  }
  double sum = 0.0;
  for (double& weight : weights) {
    weight = std::isinf(weight) ? 0.0 : std::exp(weight - double{max_score});
    sum += weight;
  }
  for (int64_t i = 0; i < kv.head_dim; ++i) {
    double value = 0.0;
    for (int64_t key = begin; key < end; ++key) {
      const double weight = weights[static_cast<size_t>(key - begin)];
      if (weight == 0.0) continue;
      value += weight * double{LoadEntry(kv, kv.values, kv.value_scales,
                                         ValueIndex(kv, key, i), key)};
    }
    tile.outs[row][i] = sum > 0.0 ? static_cast<float>(value / sum) : 0.0f;
  }
}

}  // namespace

void StoreKv(const KvHead& kv, int64_t position, const float* key,
             const float* value) {
  if (kv.type != KvType::kInt8) {
    for (int64_t i = 0; i < kv.head_dim; ++i) {
      StoreEntry(kv.type, key[i], kv.keys, KeyIndex(kv, position, i));
    }
    for (int64_t i = 0; i < kv.value_stride(); ++i) {
      StoreEntry(kv.type, i < kv.head_dim ? value[i] : 0.0f, kv.values,
                 ValueIndex(kv, position, i));
    }
    return;
  }
  std::vector<int8_t> codes =
      QuantizeVector(key, kv.head_dim, &kv.key_scales[position]);
  for (int64_t i = 0; i < kv.head_dim; ++i) {
    kv.keys[KeyIndex(kv, position, i)] =
        static_cast<uint8_t>(codes[static_cast<size_t>(i)]);
  }
  codes = QuantizeVector(value, kv.head_dim, &kv.value_scales[position]);
  for (int64_t i = 0; i < kv.value_stride(); ++i) {
    kv.values[ValueIndex(kv, position, i)] =
        static_cast<uint8_t>(codes[static_cast<size_t>(i)]);
  }
}

void Attend(const AttentionTile& tile) {
  for (int64_t row = 0; row < tile.rows; ++row) AttendRow(tile, row);
}

}  // namespace ounce::reference
