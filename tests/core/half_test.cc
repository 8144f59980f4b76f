#include "core/half.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace ounce {
namespace {

// A 16-bit float format by its definition, worked out in double, which holds
// every value of it and every midpoint of two neighbours exactly.
struct Format {
  int exponent_bits;
  int fraction_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }

  double Value(uint16_t bits) const {
    const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) {
      return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                           : std::numeric_limits<double>::quiet_NaN();
    }
    if (exponent == 0) {
      return sign * std::ldexp(fraction, 1 - bias() - fraction_bits);
    }
    return sign * std::ldexp((1 << fraction_bits) + fraction,
                             exponent - bias() - fraction_bits);
  }
};
constexpr Format kF16 = {5, 10};
constexpr Format kBF16 = {8, 7};

// Widening gives the defined value, and narrowing it the same bits.
void ExpectExactBothWays(const Format& format, float (*widen)(uint16_t),
                         uint16_t (*narrow)(float)) {
  for (int i = 0; i <= 0xFFFF; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const double expected = format.Value(bits);
    const float value = widen(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << i;
      ASSERT_TRUE(std::isnan(widen(narrow(value)))) << i;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), expected) << i;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << i;
    ASSERT_EQ(narrow(value), bits) << i;
  }
}

TEST(HalfTest, F16IsExactForAllBitPatterns) {
  ExpectExactBothWays(kF16, F16ToF32, F32ToF16);
}

TEST(HalfTest, BF16IsExactForAllBitPatterns) {
  ExpectExactBothWays(kBF16, BF16ToF32, F32ToBF16);
}

// The midpoint of two neighbours goes to the one with the even last bit, and
// what lies just beside it to the nearer one.  The neighbour of the largest
// finite value is where the next would be: infinity has its bits.
void ExpectHalfToEven(const Format& format, uint16_t (*narrow)(float),
                      int infinity) {
  for (int low = 0; low < infinity; ++low) {
    const auto low_bits = static_cast<uint16_t>(low);
    const auto high_bits = static_cast<uint16_t>(low + 1);
    const double below = format.Value(low_bits);
    const double step =
        low + 1 == infinity
            ? below - format.Value(static_cast<uint16_t>(low - 1))
            : format.Value(high_bits) - below;
    const auto midpoint = static_cast<float>(below + step / 2);
    ASSERT_EQ(static_cast<double>(midpoint), below + step / 2) << low;
    const uint16_t even = low % 2 == 0 ? low_bits : high_bits;
    ASSERT_EQ(narrow(midpoint), even) << low;
    ASSERT_EQ(narrow(-midpoint), even | 0x8000) << low;
    ASSERT_EQ(narrow(std::nextafter(midpoint, 0.0f)), low_bits) << low;
    ASSERT_EQ(narrow(std::nextafter(midpoint, INFINITY)), high_bits) << low;
  }
}

TEST(HalfTest, F16RoundsHalfToEven) {
  ExpectHalfToEven(kF16, F32ToF16, 0x7C00);
}

TEST(HalfTest, BF16RoundsHalfToEven) {
  ExpectHalfToEven(kBF16, F32ToBF16, 0x7F80);
}

TEST(HalfTest, OverflowBecomesInfinity) {
  constexpr float kMax = std::numeric_limits<float>::max();
  EXPECT_EQ(F32ToF16(kMax), 0x7C00);
  EXPECT_EQ(F32ToF16(-kMax), 0xFC00);
  EXPECT_EQ(F32ToF16(INFINITY), 0x7C00);
  EXPECT_EQ(F32ToBF16(kMax), 0x7F80);
  EXPECT_EQ(F32ToBF16(-INFINITY), 0xFF80);
}

// 0x7F800001: dropping the low half alone would make it an infinity.
TEST(HalfTest, NanStaysNanWhenOnlyLowBitsAreSet) {
  const auto nan = std::bit_cast<float>(uint32_t{0x7F800001});
  EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(nan))));
  EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(nan))));
}

TEST(HalfTest, ConstantsAreTheFormatsLimits) {
  EXPECT_EQ(kF16MinNormal, F16ToF32(0x0400));
  EXPECT_EQ(kF16Max, F16ToF32(0x7BFF));
}

}  // namespace
}  // namespace ounce
