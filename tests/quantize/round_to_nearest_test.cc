#include "quantize/round_to_nearest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "core/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/quantize/restore.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr QuantizeOptions kInt8 = {Codec::kInt8, 0, ScaleMethod::kAbsMax};
constexpr QuantizeOptions kInt4 = {Codec::kInt4, 32, ScaleMethod::kAbsMax};
constexpr QuantizeOptions kAsymmetric = {Codec::kInt4Asymmetric, 32,
                                         ScaleMethod::kAbsMax};

absl::StatusOr<QuantizeResult> Quantize(const Matrix& weight,
                                        const QuantizeOptions& options) {
  return QuantizeRoundToNearest(weight.view(), options);
}
// Of a row.
QuantizedMatrix Codes(const std::vector<float>& row,
                      const QuantizeOptions& options) {
  return Quantize(Matrix(1, static_cast<int64_t>(row.size()), row), options)
      ->weight;
}

TEST(RoundToNearestTest, Int8IsWorkedByHand) {
  // Row 0: scale 254 / 127 = 2; 3 / 2 = 1.5 and 5 / 2 = 2.5 are ties and go to
  // the even 2.  Row 1 has a scale of its own, 127 / 127 = 1.
  const Matrix weight(2, 4, {254, 3, 5, -7.2f, 126.6f, -127, 0, 0.4f});
  ASSERT_OK_AND_ASSIGN(const QuantizeResult result, Quantize(weight, kInt8));
  EXPECT_THAT(result.weight.codes, ElementsAre(127, 2, 2, -4, 127, -127, 0, 0));
  EXPECT_THAT(result.weight.scales, ElementsAre(2.0f, 1.0f));
  EXPECT_THAT(result.weight.zero_points, IsEmpty());
  EXPECT_EQ(result.weight.rows, 2);
  EXPECT_EQ(result.weight.cols, 4);
  EXPECT_EQ(result.weight.group_size, 4);
}

TEST(RoundToNearestTest, Int4GivesTheLargestMagnitudeTheCodeMinusEight) {
  // scale = -16 / -8 = 2: 15 / 2 = 7.5 would be 8, beyond the grid, so 7; ties
  // 1 / 2 = 0.5 and 3 / 2 = 1.5 go to 0 and 2.
  const QuantizedMatrix low = Codes({-16, 15, 1, 3, 0, -5.1f}, kInt4);
  EXPECT_THAT(low.codes, ElementsAre(-8, 7, 0, 2, 0, -3));
  EXPECT_THAT(low.scales, ElementsAre(2.0f));
  // The same with all signs turned: the scale's sign turns, the codes stay.
  const QuantizedMatrix high = Codes({16, -15, -1, -3, 0, 5.1f}, kInt4);
  EXPECT_THAT(high.codes, ElementsAre(-8, 7, 0, 2, 0, -3));
  EXPECT_THAT(high.scales, ElementsAre(-2.0f));
}

TEST(RoundToNearestTest, ProgressiveScalesAreMultiplesOfTheRowsUnit) {
  // Groups of 32.  The first has the largest scale, -120 / -8 = 15, so that the
  // unit is 1.  The second asks for 20.4 / 8 = 2.55, negative: -2 turns its
  // largest weight into 16 and -3 into 21.  The third asks for 0.1, but 1 is
  // the least.
  std::vector<float> row(96, 0.0f);
  row[0] = -120.0f;
  row[1] = 31.0f;
  row[32] = 20.4f;
  row[64] = -0.8f;
  const QuantizedMatrix result =
      Codes(row, {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax});
  EXPECT_THAT(result.scales, ElementsAre(15.0f, -3.0f, 1.0f));
  EXPECT_EQ(result.codes[0], -8);
  EXPECT_EQ(result.codes[1], 2);
  EXPECT_EQ(result.codes[32], -7);
  EXPECT_EQ(result.codes[64], -1);
}

TEST(RoundToNearestTest, ProgressiveTakesTheMultipleThatLosesLess) {
  // The second group asks for 2.5.  With 2 its largest weight, 20, comes back
  // as 16 and loses 16, and all others, multiples of 2, lose nothing.  With 3
  // it comes back as 21, and each 2 as 3: 32 in all.
  std::vector<float> row(64, 2.0f);
  row[0] = -120.0f;
  row[32] = -20.0f;
  const QuantizedMatrix result =
      Codes(row, {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax});
  EXPECT_THAT(result.scales, ElementsAre(15.0f, 2.0f));
  EXPECT_EQ(result.codes[32], -8);
  EXPECT_EQ(result.codes[33], 1);
}

TEST(RoundToNearestTest, ProgressiveRowsOfZerosAndOfTheTiniestWeights) {
  const QuantizeOptions options = {Codec::kInt4Progressive, 32,
                                   ScaleMethod::kAbsMax};
  const QuantizedMatrix zeros = Codes(std::vector<float>(40, 0.0f), options);
  EXPECT_THAT(zeros.scales, Each(0.0f));
  EXPECT_THAT(zeros.codes, Each(0));
  // The smallest unit is the smallest normal number.
  constexpr float kLeast = std::numeric_limits<float>::min();
  EXPECT_THAT(Restore(Codes(std::vector<float>(40, 1e-45f), options)),
              Each(0.0f));
  EXPECT_THAT(Restore(Codes(std::vector<float>(40, 1e-38f), options)),
              Each(kLeast));
  for (const float weight :
       {1e-30f, 3e38f, std::numeric_limits<float>::max()}) {
    for (const float sign : {-1.0f, 1.0f}) {
      const std::vector<float> row(40, sign * weight);
      EXPECT_THAT(Restore(Codes(row, options)),
                  Each(::testing::FloatNear(sign * weight, 2e-6f * weight)));
    }
  }
}

TEST(RoundToNearestTest, ProgressiveTakesTheBetterMultipleAtAnyMagnitude) {
  // As above; the squares of these are no floats.
  for (const float size : {1e-26f, 1e30f}) {
    std::vector<float> row(64, 2.0f * size);
    row[0] = -120.0f * size;
    row[32] = -20.0f * size;
    const QuantizedMatrix result =
        Codes(row, {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax});
    EXPECT_NEAR(result.scales[1] / result.scales[0], 2.0f / 15.0f, 1e-6f);
  }
}

TEST(RoundToNearestTest, AsymmetricIsWorkedByHand) {
  // Range -3 ... 12, scale 15 / 15 = 1, zero point 3: codes are w + 3.
  const QuantizedMatrix result =
      Codes({-3, 12, 0, 0.5f, 1.5f, -2.6f}, kAsymmetric);
  EXPECT_THAT(result.scales, ElementsAre(1.0f));
  EXPECT_THAT(result.zero_points, ElementsAre(3));
  EXPECT_THAT(result.codes, ElementsAre(0, 15, 3, 3, 5, 0));
}

TEST(RoundToNearestTest, AsymmetricGroupOfOneSignStillHoldsZero) {
  const QuantizedMatrix positive = Codes({15, 30, 0}, kAsymmetric);
  EXPECT_THAT(positive.zero_points, ElementsAre(0));
  EXPECT_THAT(Restore(positive), ElementsAre(16, 30, 0));  // 7.5 rounds to 8.
  const QuantizedMatrix negative = Codes({-15, -30, 0}, kAsymmetric);
  EXPECT_THAT(negative.zero_points, ElementsAre(15));
  // -7.5 rounds to -8: code 7 of zero point 15.
  EXPECT_THAT(Restore(negative), ElementsAre(-16, -30, 0));
}

TEST(RoundToNearestTest, EachGroupOfARowHasItsScaleAndTheLastMayBeShorter) {
  std::vector<float> row(35);
  row[0] = -8.0f;   // Group 0: scale 1.
  row[1] = 3.0f;    // Code 3.
  row[32] = 4.0f;   // Group 1 of three columns: scale 4 / -8 = -0.5.
  row[34] = -1.0f;  // Code 2.
  const QuantizedMatrix result = Codes(row, kInt4);
  EXPECT_EQ(result.num_groups(), 2);
  EXPECT_THAT(result.scales, ElementsAre(1.0f, -0.5f));
  EXPECT_EQ(result.codes[1], 3);
  EXPECT_THAT(absl::MakeSpan(result.codes).subspan(32), ElementsAre(-8, 0, 2));
}

TEST(RoundToNearestTest, ScaleIsRoundedToF16BeforeCodesAreChosen) {
  // w* / -8 = 0.1 is no f16: the file will hold 0.0999755859375.
  // 0.64980 / 0.0999755859375 = 6.4996 and 0.64986 / 0.0999755859375 = 6.5002,
  // which 0.1 would both have rounded down (6.4980, 6.4986).
  const QuantizedMatrix result = Codes({-0.8f, 0.64980f, 0.64986f}, kInt4);
  EXPECT_THAT(result.scales, ElementsAre(0.0999755859375f));
  EXPECT_THAT(result.codes, ElementsAre(-8, 6, 7));
}

TEST(RoundToNearestTest, Int8KeepsItsScaleInF32) {
  EXPECT_THAT(Codes({0.3f, 0.1f}, kInt8).scales, ElementsAre(0.3f / 127.0f));
}

TEST(RoundToNearestTest, FlatInputIsMetWithinTheScalesRounding) {
  for (const QuantizeOptions& options : {kInt8, kInt4, kAsymmetric}) {
    for (const float value : {0.7f, -0.7f}) {
      const QuantizedMatrix result =
          Codes(std::vector<float>(64, value), options);
      for (const float restored : Restore(result)) {
        // Half an f16 step of the scale, 2^-11 of it, and f32 rounding.
        EXPECT_NEAR(restored, value, 0.7 * 0x1.02p-11);
      }
    }
  }
}

TEST(RoundToNearestTest, PlateausAtTheCodesAreExact) {
  // Every code of the grid, times a scale that f16 holds.
  std::vector<float> symmetric, asymmetric;
  for (int i = 0; i < 16; ++i) {
    symmetric.push_back(0.25f * static_cast<float>(i - 8));
    asymmetric.push_back(0.25f * static_cast<float>(i - 5));
  }
  EXPECT_EQ(Restore(Codes(symmetric, kInt4)), symmetric);
  EXPECT_EQ(Restore(Codes(asymmetric, kAsymmetric)), asymmetric);
}

TEST(RoundToNearestTest, RampIsWithinHalfAStep) {
  std::vector<float> ramp;
  for (int i = 0; i < 32; ++i) ramp.push_back(static_cast<float>(i) - 15.5f);
  for (const QuantizeOptions& options : {kInt8, kAsymmetric}) {
    const QuantizedMatrix result = Codes(ramp, options);
    const std::vector<float> restored = Restore(result);
    // Half a step; the f16 rounding of the scale, 2^-11, adds up to 15 codes of
    // it at the ends.
    const double step = std::abs(double{result.scales[0]});
    for (size_t i = 0; i < ramp.size(); ++i) {
      EXPECT_NEAR(restored[i], ramp[i], step * (0.5 + 15 * 0x1p-11));
    }
  }
}

TEST(RoundToNearestTest, OutlierIsExactAndDrownsTheRest) {
  std::vector<float> row(32, 0.1f);
  row[7] = -80.0f;  // Scale 10: 0.1 is code 0.
  const QuantizedMatrix result = Codes(row, kInt4);
  const std::vector<float> restored = Restore(result);
  EXPECT_EQ(restored[7], -80.0f);
  EXPECT_EQ(restored[0], 0.0f);
}

TEST(RoundToNearestTest, ZeroRowHasScaleZeroAndRestoresToZeros) {
  for (const QuantizeOptions& options : {kInt8, kInt4, kAsymmetric}) {
    Matrix weight(2, 32);
    weight.row(1)[3] = 1.0f;
    ASSERT_OK_AND_ASSIGN(const QuantizeResult result,
                         Quantize(weight, options));
    EXPECT_EQ(result.weight.scales[0], 0.0f);
    EXPECT_EQ(result.tiny_scales, 0);
    const std::vector<float> restored = Restore(result.weight);
    EXPECT_THAT(absl::MakeSpan(restored).subspan(0, 32), Each(0.0f));
    EXPECT_NEAR(restored[35], 1.0f, 0x1p-11);  // f16 rounding of the scale.
  }
}

TEST(RoundToNearestTest, OneColumnIsMetWithinTheScalesRounding) {
  for (const QuantizeOptions& options : {kInt8, kInt4, kAsymmetric}) {
    const Matrix weight(3, 1, {0.5f, -0.37f, 0});
    ASSERT_OK_AND_ASSIGN(const QuantizeResult result,
                         Quantize(weight, options));
    const std::vector<float> restored = Restore(result.weight);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(restored[i], weight.values()[i], 0x1p-12);
    }
  }
}

TEST(RoundToNearestTest, ZerosStayExactlyZero) {
  Matrix weight(8, 96, Gaussian(1).Floats(8 * 96));
  for (size_t i = 0; i < weight.values().size(); i += 3) {
    weight.values()[i] = 0.0f;
  }
  for (QuantizeOptions options : {kInt8, kInt4, kAsymmetric}) {
    for (const auto scale :
         {ScaleMethod::kAbsMax, ScaleMethod::kLeastSquares}) {
      options.scale = scale;
      const std::vector<float> restored =
          Restore(Quantize(weight, options)->weight);
      for (size_t i = 0; i < restored.size(); i += 3) {
        ASSERT_EQ(restored[i], 0.0f) << i;
      }
    }
  }
}

TEST(RoundToNearestTest, RowsAreIndependent) {
  const Matrix weight(5, 40, Gaussian(2).Floats(5 * 40));
  for (const QuantizeOptions& options : {kInt8, kInt4, kAsymmetric}) {
    ASSERT_OK_AND_ASSIGN(const QuantizeResult whole, Quantize(weight, options));
    std::vector<int8_t> codes;
    std::vector<float> scales;
    for (int64_t row = 0; row < 5; ++row) {
      ASSERT_OK_AND_ASSIGN(
          const QuantizeResult part,
          QuantizeRoundToNearest(weight.view().Rows(row, row + 1), options));
      codes.insert(codes.end(), part.weight.codes.begin(),
                   part.weight.codes.end());
      scales.insert(scales.end(), part.weight.scales.begin(),
                    part.weight.scales.end());
    }
    EXPECT_EQ(codes, whole.weight.codes);
    EXPECT_EQ(scales, whole.weight.scales);
  }
}

TEST(RoundToNearestTest, RefusesAScaleAboveTheLargestF16) {
  // 65504 * 8 = 524032 is the largest that int4 can meet; 65520 rounds up to
  // infinity.
  Matrix weight(2, 64);
  weight.row(1)[40] = 524032.0f;
  EXPECT_OK(Quantize(weight, kInt4));
  weight.row(1)[40] = -8.0f * 65520.0f;
  for (const QuantizeOptions& options : {kInt4, kAsymmetric}) {
    if (options.codec == Codec::kInt4Asymmetric) weight.row(1)[40] *= 2;
    EXPECT_THAT(Quantize(weight, options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("row 1, columns from 32"),
                               HasSubstr("65504"), HasSubstr("int8"))));
  }
  EXPECT_OK(Quantize(weight, kInt8));
}

TEST(RoundToNearestTest, CountsScalesBelowTheSmallestNormalF16) {
  // Group 0: 2^-14 is the smallest normal; group 1: half of it; group 2: so
  // small that it is stored as 0; group 3: all zeros, which lose nothing.
  std::vector<float> row(128);
  row[0] = -8.0f * 0x1p-14f;
  row[32] = 8.0f * 0x1p-15f;
  row[64] = 1e-12f;
  const Matrix weight(1, 128, row);
  ASSERT_OK_AND_ASSIGN(const QuantizeResult result, Quantize(weight, kInt4));
  EXPECT_EQ(result.tiny_scales, 2);
  EXPECT_THAT(result.weight.scales,
              ElementsAre(0x1p-14f, -0x1p-15f, 0.0f, 0.0f));
  EXPECT_EQ(result.weight.codes[64], 0);
  ASSERT_OK_AND_ASSIGN(const QuantizeResult int8, Quantize(weight, kInt8));
  EXPECT_EQ(int8.tiny_scales, 0);  // Its scales are f32.
}

TEST(RoundToNearestTest, CountsGroupsThatAreLostBesideTheRowsLargest) {
  // A unit of 1, half of which rounds to 0; the third group is empty.
  std::vector<float> row(96, 0.0f);
  row[0] = -120.0f;
  row[40] = 0.4f;
  ASSERT_OK_AND_ASSIGN(
      const QuantizeResult result,
      Quantize(Matrix(1, 96, row),
               {Codec::kInt4Progressive, 32, ScaleMethod::kAbsMax}));
  EXPECT_EQ(result.tiny_scales, 1);
}

}  // namespace
}  // namespace ounce
