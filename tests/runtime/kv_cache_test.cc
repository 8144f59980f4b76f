#include "runtime/kv_cache.h"

#include <cstddef>

#include "gtest/gtest.h"
#include "tests/util/tiny_model.h"

namespace ounce {
namespace {

TEST(KvCacheTest, HoldsKeysAndValuesOfTheKvHeadsOnly) {
  const KvCache cache(TinySpec(), 10);  // 2 layers, 2 kv heads of 8.
  EXPECT_EQ(cache.capacity(), 10);
  EXPECT_EQ(cache.keys(1).rows, 10);
  EXPECT_EQ(cache.keys(1).cols, 16);
  EXPECT_EQ(cache.values(1).cols, 16);
  EXPECT_EQ(cache.bytes(), 2 * 2 * 10 * 16 * 4);
}

TEST(KvCacheTest, LayersKeysAndValuesDoNotOverlap) {
  const KvCache cache(TinySpec(), 3);
  float number = 0;
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (const MatrixView<float>& view :
         {cache.keys(layer), cache.values(layer)}) {
      ++number;
      for (int64_t row = 0; row < view.rows; ++row) {
        for (int64_t i = 0; i < view.cols; ++i) view.at(row, i) = number;
      }
    }
  }
  number = 0;
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (const MatrixView<float>& view :
         {cache.keys(layer), cache.values(layer)}) {
      ++number;
      for (int64_t row = 0; row < view.rows; ++row) {
        for (int64_t i = 0; i < view.cols; ++i) {
          ASSERT_EQ(view.at(row, i), number);
        }
      }
    }
  }
}

TEST(KvCacheTest, CountsPositionsAndForgetsThem) {
  KvCache cache(TinySpec(), 10);
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
