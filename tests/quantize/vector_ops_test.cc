#include "quantize/vector_ops.h"

#include <bit>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

TEST(VectorOpsTest, AddsScaledVectorsOfEveryLength) {
  for (int64_t count = 0; count < 40; ++count) {
    std::vector<float> sum(static_cast<size_t>(count) + 1, 1.0f);
    const std::vector<float> x(sum.size(), 3.0f);
    AddScaled(-2.0f, x.data(), count, sum.data());
    std::vector<float> expected(static_cast<size_t>(count), -5.0f);
    expected.push_back(1.0f);
    EXPECT_EQ(sum, expected);
  }
}

TEST(VectorOpsTest, DotProductKeepsWhatFloatsWouldLose) {
  const float a[3] = {0x1p30f, 1.0f, -0x1p30f};
  const float ones[3] = {1.0f, 1.0f, 1.0f};
  EXPECT_EQ(DotProduct(a, ones, 3), 1.0);
}

TEST(VectorOpsTest, PaddedStridesAreNoPowersOfTwo) {
  EXPECT_EQ(PaddedStride(1), 80);
  EXPECT_EQ(PaddedStride(2048), 2064);
  for (int64_t cols = 1; cols < 9000; cols += 7) {
    EXPECT_GE(PaddedStride(cols), cols);
    EXPECT_FALSE(
        std::has_single_bit(static_cast<uint64_t>(PaddedStride(cols))));
  }
}

}  // namespace
}  // namespace ounce
