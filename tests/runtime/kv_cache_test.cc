#include "runtime/kv_cache.h"

#include <cstring>
#include <limits>
#include <optional>

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

}  // namespace
}  // namespace ounce
