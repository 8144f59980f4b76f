#include "core/checked.h"

#include <limits>

#include "gtest/gtest.h"

namespace ounce {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

TEST(CheckedTest, AddReportsOverflowAtBothEnds) {
  EXPECT_EQ(CheckedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(CheckedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd(kMin, -1), std::nullopt);
}

TEST(CheckedTest, MulReportsOverflow) {
  EXPECT_EQ(CheckedMul(int64_t{1} << 31, int64_t{1} << 31), int64_t{1} << 62);
  EXPECT_EQ(CheckedMul(int64_t{1} << 32, int64_t{1} << 31), std::nullopt);
  EXPECT_EQ(CheckedMul(kMin, -1), std::nullopt);
}

TEST(CheckedTest, ProductCountsElements) {
  EXPECT_EQ(CheckedProduct({}), 1);
  EXPECT_EQ(CheckedProduct({3, 4, 5}), 60);
  EXPECT_EQ(CheckedProduct({3, 0, 5}), 0);
}

TEST(CheckedTest, ProductRefusesNegativeAndOverflowingDimensions) {
  EXPECT_EQ(CheckedProduct({-1}), std::nullopt);
  // Two negative dimensions do not make a positive one.
  EXPECT_EQ(CheckedProduct({-2, -3}), std::nullopt);
  EXPECT_EQ(CheckedProduct({kMax, 2}), std::nullopt);
  // 2^64 elements would wrap to 0.
  EXPECT_EQ(CheckedProduct({int64_t{1} << 32, int64_t{1} << 32}), std::nullopt);
}

TEST(CheckedTest, RangeFitsNeverOverflows) {
  EXPECT_TRUE(RangeFits(0, 0, 0));
  EXPECT_TRUE(RangeFits(4, 6, 10));
  EXPECT_TRUE(RangeFits(10, 0, 10));
  EXPECT_FALSE(RangeFits(4, 7, 10));
  EXPECT_FALSE(RangeFits(11, 0, 10));
  EXPECT_FALSE(RangeFits(-1, 2, 10));
  EXPECT_FALSE(RangeFits(2, -1, 10));
  EXPECT_FALSE(RangeFits(1, kMax, 10));
  EXPECT_FALSE(RangeFits(kMax, kMax, kMax));
}

TEST(CheckedTest, RoundUpGoesToTheNextMultiple) {
  EXPECT_EQ(RoundUp(0, 64), 0);
  EXPECT_EQ(RoundUp(1, 64), 64);
  EXPECT_EQ(RoundUp(64, 64), 64);
  EXPECT_EQ(DivideUp(65, 64), 2);
}

}  // namespace
}  // namespace ounce
