#include "kernels/quantize_rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class QuantizeRowsTest : public IsaTest {
 protected:
  QuantizedRows Quantize(const Matrix& x) {
    KernelContext context(GetParam(), &pool_);
    return quantizer_.Quantize(context, x.view());
  }
  static std::vector<int8_t> Codes(const QuantizedRows& rows, int64_t token) {
    const int8_t* codes = rows.codes + token * rows.stride;
    return std::vector<int8_t>(codes, codes + rows.stride);
  }

  ThreadPool pool_{1};
  RowQuantizer quantizer_;
};

TEST_P(QuantizeRowsTest, RoundsHalfToEvenAndScalesByTheLargest) {
  // The largest magnitude 127 makes the scale exactly 1.
  const Matrix x(1, 8, {-127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 3.4f});
  const QuantizedRows rows = Quantize(x);
  EXPECT_EQ(rows.scales[0], 1.0f);
  const std::vector<int8_t> codes = Codes(rows, 0);
  EXPECT_THAT(std::vector<int8_t>(codes.begin(), codes.begin() + 8),
              ElementsAre(-127, 0, 2, 2, 0, -2, -2, 3));
  EXPECT_EQ(DecodeSum(rows.sums[0]), -127 + 0 + 2 + 2 + 0 - 2 - 2 + 3);
}

TEST(EncodeSumTest, HoldsEverySumOf32Codes) {
  EXPECT_EQ(EncodeSum(1), 0xFFF8);
  EXPECT_EQ(EncodeSum(-2), 16);
  for (int32_t sum = -32 * 127; sum <= 32 * 127; ++sum) {
    EXPECT_EQ(DecodeSum(EncodeSum(sum)), sum);
  }
}

TEST_P(QuantizeRowsTest, ZeroRowHasScaleZero) {
  const QuantizedRows rows = Quantize(Matrix(2, 100));
  EXPECT_EQ(rows.scales[1], 0.0f);
  EXPECT_THAT(Codes(rows, 1), Each(0));
  EXPECT_THAT(std::vector<int32_t>(rows.sums, rows.sums + 8), Each(0));
}

TEST_P(QuantizeRowsTest, RowTooSmallForItsScaleIsZero) {
  const Matrix x(1, 2, {std::numeric_limits<float>::denorm_min(), 0.0f});
  const QuantizedRows rows = Quantize(x);
  EXPECT_EQ(rows.scales[0], 0.0f);
  EXPECT_THAT(Codes(rows, 0), Each(0));
}

TEST_P(QuantizeRowsTest, PaddingIsZeroWhateverTheBufferHeld) {
  RandomData random;
  Quantize(random.Floats(3, 256));
  const QuantizedRows rows = Quantize(random.Floats(3, 70));
  EXPECT_EQ(rows.stride, 128);
  for (int64_t t = 0; t < 3; ++t) {
    const std::vector<int8_t> codes = Codes(rows, t);
    EXPECT_THAT(std::vector<int8_t>(codes.begin() + 70, codes.end()), Each(0));
    EXPECT_EQ(rows.sums[t * 4 + 3], 0);
  }
}

TEST_P(QuantizeRowsTest, HasTheReferenceBits) {
  RandomData random;
  for (const int64_t cols : {1, 3, 31, 32, 33, 63, 64, 65, 172, 4096}) {
    // Whole and half multiples of the scale meet the ties.
    Matrix x = random.Floats(1, cols);
    for (float& value : x.values()) {
      if (random.Int(0, 1) == 0) {
        value = 0.5f * static_cast<float>(random.Int(-254, 254));
      }
    }
    const int64_t stride = RoundUp(cols, 64);
    std::vector<int8_t> codes[2];
    std::vector<int32_t> sums[2];
    float scales[2];
    for (const int i : {0, 1}) {
      codes[i].assign(static_cast<size_t>(stride), 55);
      sums[i].assign(static_cast<size_t>(stride / 32), 55);
      (i == 0 ? table() : reference())
          .quantize_row(x.row(0), cols, stride, codes[i].data(), &scales[i],
                        sums[i].data());
    }
    EXPECT_EQ(scales[0], scales[1]);
    EXPECT_EQ(codes[0], codes[1]);
    EXPECT_EQ(sums[0], sums[1]);
  }
}

TEST_P(QuantizeRowsTest, ThreadsDoNotChangeTheResult) {
  RandomData random;
  const Matrix x = random.Floats(50, 1000);
  ThreadPool threads(3);
  KernelContext one(GetParam(), &pool_);
  KernelContext three(GetParam(), &threads);
  RowQuantizer other;
  const QuantizedRows a = quantizer_.Quantize(one, x.view());
  const QuantizedRows b = other.Quantize(three, x.view());
  EXPECT_TRUE(std::equal(a.codes, a.codes + 50 * a.stride, b.codes));
  EXPECT_TRUE(std::equal(a.scales, a.scales + 50, b.scales));
  EXPECT_TRUE(std::equal(a.sums, a.sums + 50 * a.stride / 32, b.sums));
}

TEST_P(QuantizeRowsTest, NoTokensGiveNoRows) {
  EXPECT_EQ(Quantize(Matrix(0, 64)).tokens, 0);
}

OUNCE_INSTANTIATE_ISA_TEST(QuantizeRowsTest);

}  // namespace
}  // namespace ounce
