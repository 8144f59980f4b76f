#include "runtime/kv_cache.h"

#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

// 2 layers, 2 kv heads of 8; a key takes 8 entries, a value 16, and positions
// come in blocks of 16.
TEST(KvCacheTest, SizesAreWorkedByHand) {
  const ModelSpec spec = TinySpec();
  EXPECT_EQ(KvCache::Bytes(spec, KvType::kF32, 10), 2 * 2 * 16 * 24 * 4);
  EXPECT_EQ(KvCache::Bytes(spec, KvType::kF16, 16), 2 * 2 * 16 * 24 * 2);
  // Two f32 scales on top.
  EXPECT_EQ(KvCache::Bytes(spec, KvType::kInt8, 17), 2 * 2 * 32 * (24 + 8));
  EXPECT_EQ(
      KvCache::Bytes(spec, KvType::kF32, std::numeric_limits<int64_t>::max()),
      std::nullopt);
}

TEST(KvCacheTest, LayersAndHeadsDoNotOverlap) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    const KvCache cache(TinySpec(), type, 3);
    const auto bytes = static_cast<size_t>(*KvLayer::HeadBytes(type, 8, 16));
    int number = 0;
    for (int64_t layer = 0; layer < 2; ++layer) {
      for (int64_t head = 0; head < 2; ++head) {
        std::memset(cache.layer(layer).head(head).keys, ++number, bytes);
      }
    }
    number = 0;
    for (int64_t layer = 0; layer < 2; ++layer) {
      for (int64_t head = 0; head < 2; ++head) {
        const uint8_t* data = cache.layer(layer).head(head).keys;
        ++number;
        for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(data[i], number);
      }
    }
  }
}

TEST(KvCacheTest, CountsPositionsAndForgetsThem) {
  KvCache cache(TinySpec(), KvType::kF32, 10);
  EXPECT_TRUE(cache.allocated());
  EXPECT_EQ(cache.size(), 0);
  cache.Advance(4);
  cache.Advance(2);
  EXPECT_EQ(cache.size(), 6);
  cache.Truncate(3);
  EXPECT_EQ(cache.size(), 3);
  cache.Truncate(0);
  EXPECT_EQ(cache.size(), 0);
}

// Every byte that the written positions of a layer's head have, as hex words
// would show them: keys in whole blocks, values in rows, scales of kInt8.
std::string WrittenBytes(const KvCache& cache, KvType type) {
  std::string bytes;
  const auto entry = static_cast<size_t>(KvTypeBytes(type));
  const auto positions = static_cast<size_t>(cache.size());
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (int64_t h = 0; h < 2; ++h) {
      const KvHead head = cache.layer(layer).head(h);
      // 8 entries for each of the 32 positions of two blocks of keys.
      bytes.append(reinterpret_cast<const char*>(head.keys), 32 * 8 * entry);
      bytes.append(reinterpret_cast<const char*>(head.values),
                   positions * 16 * entry);
      if (type != KvType::kInt8) continue;
      for (const float* scales : {head.key_scales, head.value_scales}) {
        bytes.append(reinterpret_cast<const char*>(scales), positions * 4);
      }
    }
  }
  return bytes;
}

TEST(KvCacheTest, CopiesTheWrittenPositionsOfEveryType) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    SCOPED_TRACE(KvTypeName(type));
    KvCache from(TinySpec(), type, 40);
    KvCache to(TinySpec(), type, 40);
    const auto bytes = static_cast<size_t>(*KvLayer::HeadBytes(type, 8, 48));
    for (int64_t layer = 0; layer < 2; ++layer) {
      for (int64_t h = 0; h < 2; ++h) {
        uint8_t* data = from.layer(layer).head(h).keys;
        for (size_t i = 0; i < bytes; ++i) {
          data[i] = static_cast<uint8_t>(
              (i * 31 + static_cast<size_t>(7 * layer + 3 * h)) % 251);
        }
        std::memset(to.layer(layer).head(h).keys, 0xEE, bytes);
      }
    }
    from.Advance(19);
    to.Advance(33);
    to.CopyFrom(from);
    EXPECT_EQ(to.size(), 19);
    EXPECT_EQ(WrittenBytes(to, type), WrittenBytes(from, type));
    // What follows stays what it was: the copy costs what is written.
    const KvHead head = to.layer(1).head(1);
    EXPECT_EQ(head.values[19 * 16 * KvTypeBytes(type)], 0xEE);
  }
}

// A model that sees both sides keeps nothing from layer to layer.
TEST(KvCacheTest, LayersOfAnEncoderShareTheirMemory) {
  ModelSpec spec = TinySpec();
  spec.causal = false;
  EXPECT_EQ(KvCache::Bytes(spec, KvType::kF32, 10), 2 * 16 * 24 * 4);
  const KvCache cache(spec, KvType::kF32, 10);
  EXPECT_EQ(cache.layer(0).data, cache.layer(1).data);
}

}  // namespace
}  // namespace ounce
