// One query against the keys and values of one head.
#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/attention.cc"
#include <algorithm>
#include <cstdint>
#include <limits>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/simd/add_ops.h"
#include "kernels/simd/exp-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
constexpr int64_t kLanes = HWY_LANES(float);

// Keys whose dot products are computed together: enough independent sums to
// hide the latency of fused multiply-adds.
constexpr int64_t kKeys = 4;
// Vectors of the output that are summed in registers in one pass over the
// values.
constexpr int64_t kOutVectors = 8;

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// Scores of kCount keys from `key` on.
template <int64_t kCount>
void ScoreKeys(const AttentionRow& row, int64_t key) {
  const FloatTag df;
  const float* keys = row.keys + key * row.kv_stride;
  FloatVec acc[kCount];
  for (int64_t k = 0; k < kCount; ++k) acc[k] = hn::Zero(df);
  int64_t i = 0;
  for (; i + kLanes <= row.head_dim; i += kLanes) {
    const FloatVec q = hn::LoadU(df, row.query + i);
    for (int64_t k = 0; k < kCount; ++k) {
      acc[k] =
          hn::MulAdd(q, hn::LoadU(df, keys + k * row.kv_stride + i), acc[k]);
    }
  }
  for (int64_t k = 0; k < kCount; ++k) {
    float dot = hn::GetLane(hn::SumOfLanes(df, acc[k]));
    for (int64_t tail = i; tail < row.head_dim; ++tail) {
      dot += row.query[tail] * keys[k * row.kv_stride + tail];
    }
    row.scores[key + k] = dot * row.scale;
  }
}

// Fills in all scores; returns the largest of a visible key.
float ScoreAll(const AttentionRow& row) {
  int64_t key = 0;
  for (; key + kKeys <= row.num_keys; key += kKeys) ScoreKeys<kKeys>(row, key);
  for (; key < row.num_keys; ++key) ScoreKeys<1>(row, key);
  float max_score = kHidden;
  for (key = 0; key < row.num_keys; ++key) {
    if (row.key_mask != nullptr && row.key_mask[key] == 0) {
      row.scores[key] = kHidden;
    }
    max_score = std::max(max_score, row.scores[key]);
  }
  return max_score;
}

// Turns the scores into exp(score - max_score); returns their sum.
float Exponentiate(const AttentionRow& row, float max_score) {
  const FloatTag df;
  const FloatVec max = hn::Set(df, max_score);
  FloatVec sum = hn::Zero(df);
  int64_t key = 0;
  for (; key + kLanes <= row.num_keys; key += kLanes) {
    const FloatVec e =
        ExpOfNegative(hn::Sub(hn::LoadU(df, row.scores + key), max));
    hn::StoreU(e, df, row.scores + key);
    sum = hn::Add(sum, e);
  }
  float total = hn::GetLane(hn::SumOfLanes(df, sum));
  if (key < row.num_keys) {
    float tail[kLanes];
    std::fill(tail, tail + kLanes, kHidden);
    std::copy(row.scores + key, row.scores + row.num_keys, tail);
    hn::StoreU(ExpOfNegative(hn::Sub(hn::LoadU(df, tail), max)), df, tail);
    for (int64_t i = 0; key + i < row.num_keys; ++i) {
      row.scores[key + i] = tail[i];
      total += tail[i];
    }
  }
  return total;
}

// The weighted sum of kVectors vectors of every value, from `offset` on.
template <int64_t kVectors>
void SumValues(const AttentionRow& row, float factor, int64_t offset) {
  const FloatTag df;
  FloatVec acc[kVectors];
  for (int64_t v = 0; v < kVectors; ++v) acc[v] = hn::Zero(df);
  const float* values = row.values + offset;
  for (int64_t key = 0; key < row.num_keys; ++key, values += row.kv_stride) {
    const FloatVec weight = hn::Set(df, row.scores[key]);
    for (int64_t v = 0; v < kVectors; ++v) {
      acc[v] = hn::MulAdd(weight, hn::LoadU(df, values + v * kLanes), acc[v]);
    }
  }
  for (int64_t v = 0; v < kVectors; ++v) {
    hn::StoreU(hn::Mul(acc[v], hn::Set(df, factor)), df,
               row.out + offset + v * kLanes);
  }
}

void AttendRow(const AttentionRow& row) {
  const float max_score = ScoreAll(row);
  if (max_score == kHidden) {
    std::fill(row.out, row.out + row.head_dim, 0.0f);
    return;
  }
  const float factor = 1.0f / Exponentiate(row, max_score);
  int64_t i = 0;
  for (; i + kOutVectors * kLanes <= row.head_dim; i += kOutVectors * kLanes) {
    SumValues<kOutVectors>(row, factor, i);
  }
  for (; i + kLanes <= row.head_dim; i += kLanes) {
    SumValues<1>(row, factor, i);
  }
  for (; i < row.head_dim; ++i) {
    float sum = 0.0f;
    for (int64_t key = 0; key < row.num_keys; ++key) {
      sum += row.scores[key] * row.values[key * row.kv_stride + i];
    }
    row.out[i] = sum * factor;
  }
}

}  // namespace

void EnterAttention(KernelTable* table) { table->attention_row = AttendRow; }

}  // namespace ounce::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OUNCE_SIMD_TARGET

#if HWY_ONCE
namespace ounce::simd {

void AddAttention(Isa isa, KernelTable* table) {
  OUNCE_CALL_TARGET(isa, EnterAttention(table));
}

}  // namespace ounce::simd
#endif  // HWY_ONCE
