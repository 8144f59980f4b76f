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
// hide the latency of fused multiply-adds, and what SumEachOfFour takes.
constexpr int64_t kKeys = 4;
// Vectors of the output that are summed in registers in one pass over the
// values.
constexpr int64_t kOutVectors = 8;

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// The sums of the lanes of four vectors.  Adding while transposing takes a
// third of the instructions of four separate sums.
HWY_INLINE hn::Vec<hn::FixedTag<float, 4>> SumEachOfFour(FloatVec a, FloatVec b,
                                                         FloatVec c,
                                                         FloatVec d) {
  const FloatTag df;
  const hn::Repartition<double, FloatTag> pairs;
  const auto ab = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(df, a, b),
                                             hn::InterleaveUpper(df, a, b)));
  const auto cd = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(df, c, d),
                                             hn::InterleaveUpper(df, c, d)));
  // In every block of 128 bits: its share of the four sums.
  const FloatVec sums =
      hn::Add(hn::BitCast(df, hn::InterleaveLower(pairs, ab, cd)),
              hn::BitCast(df, hn::InterleaveUpper(pairs, ab, cd)));
  const hn::Half<FloatTag> half;
  const auto halved =
      hn::Add(hn::LowerHalf(half, sums), hn::UpperHalf(half, sums));
#if HWY_TARGET == HWY_AVX2
  return halved;
#else
  const hn::Half<decltype(half)> quarter;
  return hn::Add(hn::LowerHalf(quarter, halved),
                 hn::UpperHalf(quarter, halved));
#endif
}

void ScoreFourKeys(const AttentionRow& row, int64_t key) {
  const FloatTag df;
  const hn::FixedTag<float, 4> df4;
  const float* keys = row.keys + key * row.kv_stride;
  FloatVec acc[kKeys];
  for (int64_t k = 0; k < kKeys; ++k) acc[k] = hn::Zero(df);
  int64_t i = 0;
  for (; i + kLanes <= row.head_dim; i += kLanes) {
    const FloatVec query = hn::LoadU(df, row.query + i);
    for (int64_t k = 0; k < kKeys; ++k) {
      acc[k] = hn::MulAdd(query, hn::LoadU(df, keys + k * row.kv_stride + i),
                          acc[k]);
    }
  }
  auto dots = SumEachOfFour(acc[0], acc[1], acc[2], acc[3]);
  for (; i < row.head_dim; ++i) {
    const float column[kKeys] = {keys[i], keys[row.kv_stride + i],
                                 keys[2 * row.kv_stride + i],
                                 keys[3 * row.kv_stride + i]};
    dots = hn::MulAdd(hn::Set(df4, row.query[i]), hn::LoadU(df4, column), dots);
  }
  hn::StoreU(hn::Mul(dots, hn::Set(df4, row.scale)), df4, row.scores + key);
}

void ScoreOneKey(const AttentionRow& row, int64_t key) {
  const FloatTag df;
  const float* values = row.keys + key * row.kv_stride;
  FloatVec acc = hn::Zero(df);
  int64_t i = 0;
  for (; i + kLanes <= row.head_dim; i += kLanes) {
    acc = hn::MulAdd(hn::LoadU(df, row.query + i), hn::LoadU(df, values + i),
                     acc);
  }
  float dot = hn::GetLane(hn::SumOfLanes(df, acc));
  for (; i < row.head_dim; ++i) dot += row.query[i] * values[i];
  row.scores[key] = dot * row.scale;
}

float MaxScore(const float* scores, int64_t size) {
  const FloatTag df;
  FloatVec max = hn::Set(df, kHidden);
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    max = hn::Max(max, hn::LoadU(df, scores + i));
  }
  float result = hn::GetLane(hn::MaxOfLanes(df, max));
  for (; i < size; ++i) result = std::max(result, scores[i]);
  return result;
}

// Fills in all scores; those of hidden keys are minus infinity.
void ScoreKeys(const AttentionRow& row) {
  int64_t key = 0;
  for (; key + kKeys <= row.num_keys; key += kKeys) ScoreFourKeys(row, key);
  for (; key < row.num_keys; ++key) ScoreOneKey(row, key);
  if (row.key_mask == nullptr) return;
  for (key = 0; key < row.num_keys; ++key) {
    if (row.key_mask[key] == 0) row.scores[key] = kHidden;
  }
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
  ScoreKeys(row);
  const float max_score = MaxScore(row.scores, row.num_keys);
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
