#include "runtime/alibi.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

TEST(AlibiSlopesTest, AreAGeometricSequenceForAPowerOfTwo) {
  // The paper's own example, arXiv:2108.12409, section 3.
  EXPECT_THAT(AlibiSlopes(8),
              ElementsAre(FloatEq(0.5f), FloatEq(0.25f), FloatEq(0.125f),
                          FloatEq(0x1p-4f), FloatEq(0x1p-5f), FloatEq(0x1p-6f),
                          FloatEq(0x1p-7f), FloatEq(0x1p-8f)));
}

TEST(AlibiSlopesTest, OtherNumbersTakeOddPowersOfTwiceAsManyHeads) {
  // Four heads: powers of 1/4; the other two: powers 1 and 3 of 1/2.
  EXPECT_THAT(AlibiSlopes(6),
              ElementsAre(FloatEq(0.25f), FloatEq(0x1p-4f), FloatEq(0x1p-6f),
                          FloatEq(0x1p-8f), FloatEq(0.5f), FloatEq(0.125f)));
}

ModelSpec TwoHeads() {
  ModelSpec spec;
  spec.heads = 2;  // Slopes 1/16 and 1/256.
  spec.position = PositionKind::kAlibi;
  return spec;
}

TEST(AlibiBiasesTest, AreSlopeTimesPositionTimesTheScale) {
  ModelSpec spec = TwoHeads();
  spec.alibi_scale = 0.5;
  const Matrix biases = AlibiBiases(spec, 3);
  EXPECT_THAT(biases.values(), ElementsAre(0.0f, 0x1p-5f, 0x1p-4f,  //
                                           0.0f, 0x1p-9f, 0x1p-8f));
}

TEST(AlibiBiasesTest, Bfloat16RoundsPositionsAndProducts) {
  ModelSpec spec = TwoHeads();
  spec.alibi_bf16 = true;
  const Matrix biases = AlibiBiases(spec, 260);
  // bfloat16 has 8 bits: above 256 every second number.
  EXPECT_EQ(biases.row(0)[255], 255.0f / 16);
  EXPECT_EQ(biases.row(0)[257], 256.0f / 16);
  EXPECT_EQ(biases.row(0)[259], 260.0f / 16);
}

}  // namespace
}  // namespace ounce
