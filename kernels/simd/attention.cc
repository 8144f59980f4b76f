// Queries against the keys and values of one head, and how these are stored.
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
#include "kernels/simd/sigmoid-inl.h"

#if OUNCE_SIMD_TARGET
HWY_BEFORE_NAMESPACE();
namespace ounce::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int kParts = static_cast<int>(kKeyBlock / kLanes);

// Query rows, and blocks of keys or values, whose sums fit the registers:
// enough of them to hide the latency of fused multiply-adds, and few loads for
// each.
constexpr int kTileRows = kParts == 1 ? 12 : (kParts == 2 ? 6 : 4);
constexpr int kTileBlocks = kParts == 1 ? 2 : 1;

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// How one storage type of keys and values is read; f16 as its bits.
HWY_INLINE FloatVec LoadPart(const float* p) {
  return hn::LoadU(FloatTag(), p);
}
HWY_INLINE FloatVec LoadPart(const uint16_t* p) {
  const hn::Rebind<hwy::float16_t, FloatTag> df16;
  const hn::Rebind<uint16_t, FloatTag> du16;
  return hn::PromoteTo(FloatTag(), hn::BitCast(df16, hn::LoadU(du16, p)));
}
HWY_INLINE FloatVec LoadPart(const int8_t* p) {
  const hn::Rebind<int8_t, FloatTag> di8;
  return hn::ConvertTo(FloatTag(), hn::PromoteTo(IntTag(), hn::LoadU(di8, p)));
}

// sums[r][16 * n + 0..15] += sum over i < count of a[r * kRowStride + i *
// kStep] * b[n * block_stride + i * stride + 0..15], i in order.  The strides
// of `a` are constants so that one register addresses all its rows.
template <int64_t kRowStride, int64_t kStep, int kRows, int kSums, typename T>
HWY_INLINE void MultiplyAdd(const float* a, int64_t count, const T* b,
                            int64_t block_stride, int64_t stride,
                            FloatVec (&sums)[kRows][kSums]) {
  for (int64_t i = 0; i < count; ++i) {
    FloatVec parts[kSums];
    for (int p = 0; p < kSums; ++p) {
      parts[p] = LoadPart(b + p / kParts * block_stride + i * stride +
                          p % kParts * kLanes);
    }
    for (int r = 0; r < kRows; ++r) {
      const FloatVec factor =
          hn::Set(FloatTag(), a[r * kRowStride + i * kStep]);
      for (int p = 0; p < kSums; ++p) {
        sums[r][p] = hn::MulAdd(factor, parts[p], sums[r][p]);
      }
    }
  }
}

// Calls body.operator()<kBlocks>(b) for blocks b to b + kBlocks - 1, as many at
// a time as fit.
template <int kBlocks, typename Body>
HWY_INLINE void ForBlocks(int64_t count, const Body& body, int64_t b = 0) {
  for (; b + kBlocks <= count; b += kBlocks) {
    body.template operator()<kBlocks>(b);
  }
  if constexpr (kBlocks > 1) ForBlocks<kBlocks / 2>(count, body, b);
}

// Sums the lanes, the lower half with the upper.
template <class D>
HWY_INLINE float SumByHalves(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return SumByHalves(half,
                       hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    v = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
  }
}

// One pass over the keys of a tile.  Scores and weights of the keys at hand are
// [rows][kAttentionKeys], sums of weighted values [rows][value_stride], queries
// [head_dim][kMaxAttentionRows].
template <typename T>
class Pass {
 public:
  explicit Pass(const AttentionTile& tile)
      : tile_(tile),
        value_stride_(tile.kv.value_stride()),
        scores_(tile.scratch),
        sums_(scores_ + kMaxAttentionRows * kAttentionKeys),
        queries_(sums_ + kMaxAttentionRows * value_stride_) {
    std::fill(max_, max_ + tile.rows, kHidden);
    std::fill(total_, total_ + tile.rows, 0.0f);
    std::fill(sums_, sums_ + tile.rows * value_stride_, 0.0f);
    for (int64_t r = 0; r < tile.rows; ++r) {
      for (int64_t i = 0; i < tile.kv.head_dim; ++i) {
        queries_[i * kMaxAttentionRows + r] = tile.queries[r][i];
      }
    }
  }

  void Run() {
    const int64_t rows = tile_.rows;
    const int64_t begin =
        *std::min_element(tile_.begin_keys, tile_.begin_keys + rows);
    const int64_t end =
        *std::max_element(tile_.end_keys, tile_.end_keys + rows);
    // Blocks begin at multiples of their size, wherever the window does: what
    // a row gives must not depend on the rows beside it.
    for (int64_t key = begin / kAttentionKeys * kAttentionKeys; key < end;
         key += kAttentionKeys) {
      const int64_t count = std::min(kAttentionKeys, end - key);
      ForRows<kTileRows>(
          [&]<int kRows>(int64_t r) { Score<kRows>(r, key, count); });
      for (int64_t r = 0; r < rows; ++r) Weigh(r, key);
      ForRows<kTileRows>(
          [&]<int kRows>(int64_t r) { SumValues<kRows>(r, key, count); });
    }
    for (int64_t r = 0; r < rows; ++r) Finish(r);
  }

 private:
  // Calls body.operator()<kRows>(r) for rows r to r + kRows - 1, as many at a
  // time as fit.
  template <int kRows, typename Body>
  void ForRows(const Body& body, int64_t r = 0) {
    for (; r + kRows <= tile_.rows; r += kRows) {
      body.template operator()<kRows>(r);
    }
    // The next power of two below.
    constexpr int kFewer = kRows > 8 ? 8 : kRows > 4 ? 4 : kRows / 2;
    if constexpr (kRows > 1) ForRows<kFewer>(body, r);
  }

  template <int kRows>
  void Score(int64_t r, int64_t key, int64_t count) {
    ForBlocks<kTileBlocks>(
        DivideUp(count, kKeyBlock), [&]<int kBlocks>(int64_t block) {
          ScoreBlocks<kRows, kBlocks>(r, key, block * kKeyBlock);
        });
  }

  // The keys from key + k on.
  template <int kRows, int kBlocks>
  HWY_INLINE void ScoreBlocks(int64_t r, int64_t key, int64_t k) {
    constexpr int kSums = kBlocks * kParts;
    const KvHead& kv = tile_.kv;
    const FloatTag df;
    FloatVec sums[kRows][kSums];
    for (auto& row : sums) {
      for (FloatVec& sum : row) sum = hn::Zero(df);
    }
    MultiplyAdd<1, kMaxAttentionRows>(
        queries_ + r, kv.head_dim,
        reinterpret_cast<const T*>(kv.keys) + (key + k) * kv.head_dim,
        kKeyBlock * kv.head_dim, kKeyBlock, sums);
    for (int p = 0; p < kSums; ++p) {
      FloatVec scale = hn::Set(df, tile_.scale);
      if constexpr (sizeof(T) == 1) {
        scale =
            hn::Mul(scale, hn::LoadU(df, kv.key_scales + key + k + p * kLanes));
      }
      for (int i = 0; i < kRows; ++i) {
        hn::StoreU(hn::Mul(sums[i][p], scale), df,
                   scores_ + (r + i) * kAttentionKeys + k + p * kLanes);
      }
    }
  }

  // Turns row `r`'s scores into weights relative to the largest score so far,
  // and what was summed before with them.
  void Weigh(int64_t r, int64_t key) {
    const FloatTag df;
    float* scores = scores_ + r * kAttentionKeys;
    Bias(r, key, scores);
    Hide(r, key, scores);
    FloatVec largest = hn::LoadU(df, scores);
    for (int64_t i = kLanes; i < kAttentionKeys; i += kLanes) {
      largest = hn::Max(largest, hn::LoadU(df, scores + i));
    }
    const float max =
        std::max(max_[r], hn::GetLane(hn::MaxOfLanes(df, largest)));
    if (max == kHidden) {
      std::fill(scores, scores + kAttentionKeys, 0.0f);
      return;
    }
    if (max > max_[r]) Rescale(r, max);
    // In parts, so that the order of summation is the same for any width.
    FloatVec sums[kParts];
    for (int p = 0; p < kParts; ++p) sums[p] = hn::Zero(df);
    for (int64_t i = 0; i < kAttentionKeys; i += kKeyBlock) {
      for (int p = 0; p < kParts; ++p) {
        float* at = scores + i + p * kLanes;
        const FloatVec weights =
            ExpOfNegative(hn::Sub(hn::LoadU(df, at), hn::Set(df, max)));
        sums[p] = hn::Add(sums[p], weights);
        hn::StoreU(weights, df, at);
      }
    }
    total_[r] += SumParts(sums);
    if constexpr (sizeof(T) == 1) ScaleWeights(key, scores);
  }

  // Caps the scores of row `r` and biases those that it may see.
  void Bias(int64_t r, int64_t key, float* scores) {
    if (tile_.soft_cap > 0.0f) {
      CapSoftly(tile_.soft_cap, kAttentionKeys, scores);
    }
    if (tile_.biases == nullptr) return;
    const int64_t count = std::min(kAttentionKeys, tile_.end_keys[r] - key);
    const float* biases = tile_.biases[r] + key;
    for (int64_t i = 0; i < count; ++i) scores[i] += biases[i];
  }

  // Minus infinity to all that row `r` does not see.
  void Hide(int64_t r, int64_t key, float* scores) {
    const int64_t begin =
        std::clamp<int64_t>(tile_.begin_keys[r] - key, 0, kAttentionKeys);
    const int64_t end =
        std::clamp<int64_t>(tile_.end_keys[r] - key, begin, kAttentionKeys);
    std::fill(scores, scores + begin, kHidden);
    std::fill(scores + end, scores + kAttentionKeys, kHidden);
    if (tile_.key_mask == nullptr) return;
    for (int64_t i = begin; i < end; ++i) {
      if (tile_.key_mask[key + i] == 0) scores[i] = kHidden;
    }
  }

  void Rescale(int64_t r, float max) {
    const FloatTag df;
    const FloatVec factor = ExpOfNegative(hn::Set(df, max_[r] - max));
    total_[r] *= hn::GetLane(factor);
    float* sums = sums_ + r * value_stride_;
    for (int64_t i = 0; i < value_stride_; i += kLanes) {
      hn::StoreU(hn::Mul(hn::LoadU(df, sums + i), factor), df, sums + i);
    }
    max_[r] = max;
  }

  // Always by halves, the lower lanes with the upper.
  static float SumParts(FloatVec (&parts)[kParts]) {
    for (int half = kParts / 2; half > 0; half /= 2) {
      for (int p = 0; p < half; ++p) {
        parts[p] = hn::Add(parts[p], parts[p + half]);
      }
    }
    return SumByHalves(FloatTag(), parts[0]);
  }

  // The values' scales go into the weights.  A key that nobody sees yet may
  // hold anything as its scale.
  void ScaleWeights(int64_t key, float* weights) {
    for (int64_t i = 0; i < kAttentionKeys; ++i) {
      if (weights[i] != 0.0f) weights[i] *= tile_.kv.value_scales[key + i];
    }
  }

  template <int kRows>
  void SumValues(int64_t r, int64_t key, int64_t count) {
    ForBlocks<kTileBlocks>(
        value_stride_ / kKeyBlock, [&]<int kBlocks>(int64_t block) {
          SumValueBlocks<kRows, kBlocks>(r, key, count, block * kKeyBlock);
        });
  }

  // The dimensions from d on.
  template <int kRows, int kBlocks>
  HWY_INLINE void SumValueBlocks(int64_t r, int64_t key, int64_t count,
                                 int64_t d) {
    constexpr int kSums = kBlocks * kParts;
    const FloatTag df;
    FloatVec sums[kRows][kSums];
    for (int i = 0; i < kRows; ++i) {
      for (int p = 0; p < kSums; ++p) {
        sums[i][p] =
            hn::LoadU(df, sums_ + (r + i) * value_stride_ + d + p * kLanes);
      }
    }
    MultiplyAdd<kAttentionKeys, 1>(
        scores_ + r * kAttentionKeys, count,
        reinterpret_cast<const T*>(tile_.kv.values) + key * value_stride_ + d,
        kKeyBlock, value_stride_, sums);
    for (int i = 0; i < kRows; ++i) {
      for (int p = 0; p < kSums; ++p) {
        hn::StoreU(sums[i][p], df,
                   sums_ + (r + i) * value_stride_ + d + p * kLanes);
      }
    }
  }

  void Finish(int64_t r) {
    const float factor = total_[r] > 0.0f ? 1.0f / total_[r] : 0.0f;
    const float* sums = sums_ + r * value_stride_;
    for (int64_t i = 0; i < tile_.kv.head_dim; ++i) {
      tile_.outs[r][i] = sums[i] * factor;
    }
  }

  const AttentionTile& tile_;
  const int64_t value_stride_;
  float* const scores_;
  float* const sums_;
  float* const queries_;
  float max_[kMaxAttentionRows];
  float total_[kMaxAttentionRows];
};

void Attend(const AttentionTile& tile) {
  switch (tile.kv.type) {
    case KvType::kF32:
      return Pass<float>(tile).Run();
    case KvType::kF16:
      return Pass<uint16_t>(tile).Run();
    case KvType::kInt8:
      return Pass<int8_t>(tile).Run();
  }
}

// Values as they are stored; `scale` is used by int8 alone.
HWY_INLINE void StorePart(FloatVec x, FloatVec /*scale*/, float* out) {
  hn::StoreU(x, FloatTag(), out);
}
HWY_INLINE void StorePart(FloatVec x, FloatVec /*scale*/, uint16_t* out) {
  const FloatTag df;
  const hn::Rebind<hwy::float16_t, FloatTag> df16;
  const hn::Rebind<uint16_t, FloatTag> du16;
  constexpr float kMaxF16 = 65504.0f;
  const FloatVec bounded =
      hn::Max(hn::Min(x, hn::Set(df, kMaxF16)), hn::Set(df, -kMaxF16));
  hn::StoreU(hn::BitCast(du16, hn::DemoteTo(df16, bounded)), du16, out);
}
HWY_INLINE void StorePart(FloatVec x, FloatVec scale, int8_t* out) {
  const IntTag di;
  const hn::Rebind<int8_t, FloatTag> di8;
  const auto code =
      hn::Max(hn::Min(hn::NearestInt(hn::Div(x, scale)), hn::Set(di, 127)),
              hn::Set(di, -127));
  hn::StoreU(hn::DemoteTo(di8, code), di8, out);
}

// What a vector is divided by before it is rounded to int8, kept in `stored`;
// null for the other types, which need none.
FloatVec Int8Scale(const float* x, int64_t size, float* stored) {
  if (stored == nullptr) return hn::Set(FloatTag(), 1.0f);
  float max_abs = 0.0f;
  for (int64_t i = 0; i < size; ++i)
    max_abs = std::max(max_abs, std::abs(x[i]));
  const float scale = max_abs / 127.0f;
  *stored = scale;
  // An all-zero vector: any divisor gives zeros.
  return hn::Set(FloatTag(), scale > 0.0f ? scale : 1.0f);
}

template <typename T>
void Store(const KvHead& kv, int64_t position, const float* key,
           const float* value) {
  const bool quantized = sizeof(T) == 1;
  const FloatVec key_scale = Int8Scale(
      key, kv.head_dim, quantized ? kv.key_scales + position : nullptr);
  const FloatVec value_scale = Int8Scale(
      value, kv.head_dim, quantized ? kv.value_scales + position : nullptr);
  T* keys = reinterpret_cast<T*>(kv.keys) +
            position / kKeyBlock * kKeyBlock * kv.head_dim +
            position % kKeyBlock;
  T* values = reinterpret_cast<T*>(kv.values) + position * kv.value_stride();
  for (int64_t begin = 0; begin < kv.head_dim; begin += kKeyBlock) {
    const int64_t size = std::min(kKeyBlock, kv.head_dim - begin);
    float x[2][kKeyBlock] = {};
    std::copy(key + begin, key + begin + size, x[0]);
    std::copy(value + begin, value + begin + size, x[1]);
    T column[kKeyBlock];
    for (int64_t i = 0; i < kKeyBlock; i += kLanes) {
      const FloatTag df;
      StorePart(hn::LoadU(df, x[0] + i), key_scale, column + i);
      StorePart(hn::LoadU(df, x[1] + i), value_scale, values + begin + i);
    }
    for (int64_t i = 0; i < size; ++i)
      keys[(begin + i) * kKeyBlock] = column[i];
  }
}

void StoreKv(const KvHead& kv, int64_t position, const float* key,
             const float* value) {
  switch (kv.type) {
    case KvType::kF32:
      return Store<float>(kv, position, key, value);
    case KvType::kF16:
      return Store<uint16_t>(kv, position, key, value);
    case KvType::kInt8:
      return Store<int8_t>(kv, position, key, value);
  }
}

}  // namespace

void EnterAttention(KernelTable* table) {
  table->attention = Attend;
  table->store_kv = StoreKv;
}

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
