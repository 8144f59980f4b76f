#include "runtime/rotary_table.h"

#include <cmath>
#include <numbers>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

// f32 rounding of a power and a quotient: three operations of 2^-24 each.
constexpr double kTolerance = 4 * 0x1p-24;

double Frequency(double base, int64_t i, int64_t head_dim) {
  return std::pow(
      base, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
}

void ExpectFrequency(const RotaryTable& table, int64_t i, double expected) {
  EXPECT_NEAR(table.Frequencies(1)[static_cast<size_t>(i)], expected,
              expected * kTolerance)
      << i;
}

TEST(RotaryTableTest, FrequenciesFallGeometricallyFromOne) {
  for (const double base : {10000.0, 500000.0}) {
    RotarySpec spec;
    spec.base = base;
    const RotaryTable table(spec, 64);
    ASSERT_EQ(table.Frequencies(1).size(), 32u);
    EXPECT_EQ(table.Frequencies(1)[0], 1.0f);
    for (int64_t i = 0; i < 32; ++i) {
      ExpectFrequency(table, i, Frequency(base, i, 64));
    }
  }
}

TEST(RotaryTableTest, LinearScalingDividesEveryFrequency) {
  RotarySpec spec;
  spec.scaling = RotaryScaling::kLinear;
  spec.factor = 3.0;
  const RotaryTable table(spec, 16);
  for (int64_t i = 0; i < 8; ++i) {
    ExpectFrequency(table, i, Frequency(10000.0, i, 16) / 3.0);
  }
}

// The rule of Meta's Llama 3.1 reference code, in double.  Wavelengths below
// 8192 / 4 = 2048 are kept, above 8192 / 1 divided by 8, between them blended.
TEST(RotaryTableTest, Llama3ScalingHasThreeRegions) {
  RotarySpec spec;
  spec.base = 500000.0;
  spec.scaling = RotaryScaling::kLlama3;
  spec.factor = 8.0;
  const RotaryTable table(spec, 128);
  int kept = 0, blended = 0, divided = 0;
  for (int64_t i = 0; i < 64; ++i) {
    const double frequency = Frequency(500000.0, i, 128);
    const double wavelength = 2 * std::numbers::pi / frequency;
    if (wavelength < 2048) {
      ExpectFrequency(table, i, frequency);
      ++kept;
    } else if (wavelength > 8192) {
      ExpectFrequency(table, i, frequency / 8);
      ++divided;
    } else {
      const double smooth = (8192 / wavelength - 1) / (4 - 1);
      const double expected = (1 - smooth) * frequency / 8 + smooth * frequency;
      // `smooth` subtracts near-equal numbers: a few more roundings.
      EXPECT_NEAR(table.Frequencies(1)[static_cast<size_t>(i)], expected,
                  4 * kTolerance * frequency);
      ++blended;
    }
  }
  // Wavelength 2 pi 500000^(i / 64) is 2048 at i = 28.2 and 8192 at i = 34.98.
  EXPECT_EQ(kept, 29);
  EXPECT_EQ(blended, 6);
  EXPECT_EQ(divided, 29);
}

TEST(RotaryTableTest, FillsCosinesAndSinesOfThePositionsAsked) {
  RotarySpec spec;
  const RotaryTable table(spec, 8);
  Matrix cos(3, 4);
  Matrix sin(3, 4);
  table.Fill(/*first_position=*/5, 8, cos.view(), sin.view());
  for (int64_t t = 0; t < 3; ++t) {
    for (int64_t i = 0; i < 4; ++i) {
      const double angle =
          static_cast<double>(5 + t) * Frequency(10000.0, i, 8);
      // The angle is f32, up to 7: half a unit of its last place is 2^-22.
      EXPECT_NEAR(cos.row(t)[i], std::cos(angle), 0x1p-21);
      EXPECT_NEAR(sin.row(t)[i], std::sin(angle), 0x1p-21);
    }
  }
}

TEST(RotaryTableTest, PositionZeroTurnsNothing) {
  const RotaryTable table(RotarySpec(), 4);
  Matrix cos(1, 2);
  Matrix sin(1, 2);
  table.Fill(0, 1, cos.view(), sin.view());
  EXPECT_THAT(cos.values(), ::testing::Each(1.0f));
  EXPECT_THAT(sin.values(), ::testing::Each(0.0f));
}

// Far out the angle's own f32 rounding is what a reference in f32 has as well.
TEST(RotaryTableTest, AnglesAreRoundedToF32) {
  const RotaryTable table(RotarySpec(), 4);
  Matrix cos(1, 2);
  Matrix sin(1, 2);
  table.Fill(100003, 100004, cos.view(), sin.view());
  const float angle = 100003.0f * table.Frequencies(1)[1];
  EXPECT_EQ(cos.row(0)[1], std::cos(angle));
  EXPECT_EQ(sin.row(0)[1], std::sin(angle));
}

// Yarn, worked by hand: 8 dims, base 10000, original context 64.  Pair p turns
// 64 / (2 pi 10^p) times within it: 10.2, 1.02, 0.102, 0.0102.  32 rotations
// are at pair log10(64 / (2 pi 32)) = -0.50, 1 rotation at 1.008: without
// truncation the ramp goes from 0 (not below the first pair) to 1.008.
TEST(RotaryTableTest, YarnKeepsFastPairsAndSlowsTheOthers) {
  RotarySpec spec;
  spec.scaling = RotaryScaling::kYarn;
  spec.factor = 4.0;
  spec.original_context = 64;
  spec.attention_factor = 1.25;
  spec.truncate = false;
  const RotaryTable table(spec, 8);
  const double high = std::log10(64 / (2 * std::numbers::pi));
  const double slowed = 1 / high;  // Pair 1's place on the ramp.
  ExpectFrequency(table, 0, 1.0);
  EXPECT_NEAR(table.Frequencies(1)[1], 0.1 * (1 - slowed) + 0.1 / 4 * slowed,
              1e-7);
  ExpectFrequency(table, 2, 0.01 / 4);
  ExpectFrequency(table, 3, 0.001 / 4);
  Matrix cos(1, 4), sin(1, 4);
  table.Fill(0, 1, cos.view(), sin.view());
  EXPECT_THAT(cos.values(), ::testing::Each(1.25f));
  // Truncated, the ramp goes from pair 0 to pair 2: pair 1 is half way.
  spec.truncate = true;
  EXPECT_NEAR(RotaryTable(spec, 8).Frequencies(1)[1], 0.1 * (0.5 + 0.125),
              1e-7);
}

TEST(RotaryTableTest, LongRopeDividesByTheFactorsOfTheTextsLength) {
  RotarySpec spec;
  spec.scaling = RotaryScaling::kLongRope;
  spec.original_context = 32;
  spec.short_factors = {1.0, 2.0};
  spec.long_factors = {4.0, 8.0};
  const RotaryTable table(spec, 4);
  for (const int64_t length : {1, 32}) {
    EXPECT_NEAR(table.Frequencies(length)[0], 1.0, 1e-7);
    EXPECT_NEAR(table.Frequencies(length)[1], 0.005, 1e-8);
  }
  EXPECT_NEAR(table.Frequencies(33)[0], 0.25, 1e-7);
  EXPECT_NEAR(table.Frequencies(33)[1], 0.00125, 1e-8);
  EXPECT_FALSE(table.IsOutdated(5, 32));
  EXPECT_TRUE(table.IsOutdated(32, 33));
  EXPECT_TRUE(table.IsOutdated(33, 32));
  EXPECT_FALSE(table.IsOutdated(33, 34));
}

// Twice the context at factor 3: the base grows by (3 * 2 - 2)^(4 / 2) = 16.
TEST(RotaryTableTest, DynamicBaseGrowsWithTextsBeyondTheContext) {
  RotarySpec spec;
  spec.base = 100.0;
  spec.scaling = RotaryScaling::kDynamic;
  spec.factor = 3.0;
  spec.original_context = 10;
  const RotaryTable table(spec, 4);
  EXPECT_NEAR(table.Frequencies(10)[1], 0.1, 1e-7);
  EXPECT_NEAR(table.Frequencies(20)[1], 1 / std::sqrt(1600.0), 1e-8);
  EXPECT_FALSE(table.IsOutdated(10, 20));
}

}  // namespace
}  // namespace ounce
