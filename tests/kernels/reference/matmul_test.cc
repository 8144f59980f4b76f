// The reference itself: worked by hand, and against plain products of the
// unpacked values.
#include <cmath>
#include <cstring>
#include <vector>

#include "core/packing/int8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_table.h"
#include "kernels/reference/reference.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;

// Two columns of the codes 3 and -5, one token.
class HandWorkedTest : public ::testing::Test {
 protected:
  HandWorkedTest() {
    codes_.resize(64);
    codes_[0] = 3;
    codes_[1] = -5;
    sums_ = {EncodeSum(-2), 0};
    x_.quantized = {codes_.data(), &scale_, sums_.data(), 1, 2, 64};
  }

  Matrix Multiply(const QuantizedMatrix& matrix, Codec codec) {
    const int64_t group_size = GetCodecInfo(codec).grouped ? 32 : 0;
    StoredMatrix w(codec, matrix.rows, matrix.cols, group_size);
    GetCodecInfo(codec).pack(matrix, w.bytes());
    Matrix out(1, matrix.rows);
    reference::MakeTable().matmul[static_cast<size_t>(codec)](
        x_, w.view(), 0, matrix.rows, out.view());
    return out;
  }

  std::vector<int8_t> codes_;
  std::vector<int32_t> sums_;
  float scale_ = 0.5f;
  MatMulInput x_;
};

TEST_F(HandWorkedTest, Int8) {
  // Row 0: 3 * 10 - 5 * 4 = 10, scaled by 0.5 and 2.  Row 1: 3 * -127 + 5 * 127
  // = 254, scaled by 0.5 and 0.25.
  const QuantizedMatrix matrix = {2, 2, 2, {10, 4, -127, -127}, {2.0f, 0.25f},
                                  {}};
  EXPECT_THAT(Multiply(matrix, Codec::kInt8).values(),
              ElementsAre(10.0f, 31.75f));
}

// Two tokens of 33 columns, so two groups each, the second of one column.
TEST(HandWorkedGroupsTest, Int8ActivationGroups) {
  std::vector<int8_t> codes(2 * 64);
  codes[0] = 3;
  codes[31] = -5;
  codes[32] = 7;
  codes[64 + 1] = 2;
  codes[64 + 32] = 100;
  // The second group of token 1 has scale 0, so that its codes are not seen.
  const std::vector<float> scales = {0.5f, 4.0f, 0.25f, 0.0f};
  const std::vector<int32_t> sums = {EncodeSum(-2), EncodeSum(7), EncodeSum(2),
                                     EncodeSum(100)};
  MatMulInput x;
  x.grouped = {codes.data(), scales.data(), sums.data(), 2, 33, 64};
  QuantizedMatrix matrix = {
      2, 33, 33, std::vector<int8_t>(2 * 33), {2.0f, 0.125f}, {}};
  matrix.codes[0] = 10;
  matrix.codes[31] = 4;
  matrix.codes[32] = -127;
  matrix.codes[33 + 1] = 6;
  matrix.codes[33 + 32] = 1;
  StoredMatrix w(Codec::kInt8ActivationGroups, 2, 33, 0);
  PackInt8(matrix, w.bytes());
  Matrix out(2, 2);
  reference::MatMulInt8ActivationGroups(x, w.view(), 0, 2, out.view());
  // Token 0: (0.5 * (30 - 20) + 4 * -889) * 2 and (0.5 * 0 + 4 * 7) * 0.125;
  // token 1: 0.25 * 0 * 2 and 0.25 * 12 * 0.125.
  EXPECT_THAT(out.values(), ElementsAre(-7102.0f, 3.5f, 0.0f, 0.375f));
}

TEST_F(HandWorkedTest, Int4Symmetric) {
  // 3 * -8 - 5 * 7 = -59, scaled by 0.5 and -0.25.
  const QuantizedMatrix matrix = {1, 2, 32, {-8, 7}, {-0.25f}, {}};
  EXPECT_THAT(Multiply(matrix, Codec::kInt4).values(), ElementsAre(7.375f));
}

TEST_F(HandWorkedTest, Int4Asymmetric) {
  // 3 * (15 - 5) - 5 * (0 - 5) = 55, scaled by 0.5 and 0.125.
  const QuantizedMatrix matrix = {1, 2, 32, {15, 0}, {0.125f}, {5}};
  EXPECT_THAT(Multiply(matrix, Codec::kInt4Asymmetric).values(),
              ElementsAre(3.4375f));
}

TEST_F(HandWorkedTest, Int4Progressive) {
  // 3 * -8 - 5 * 7 = -59, scaled by 0.5 and -0.25.
  const QuantizedMatrix matrix = {1, 2, 32, {-8, 7}, {-0.25f}, {}};
  EXPECT_THAT(Multiply(matrix, Codec::kInt4Progressive).values(),
              ElementsAre(7.375f));
}

TEST(ReferenceFloatTest, WorkedByHand) {
  StoredMatrix w(Codec::kBF16, 2, 3, 0);
  // bf16 bit patterns of {1, 2, -1} and {0.5, 0, 4}.
  const uint16_t bits[6] = {0x3F80, 0x4000, 0xBF80, 0x3F00, 0x0000, 0x4080};
  std::memcpy(w.bytes(), bits, sizeof(bits));
  const Matrix x(1, 3, {10.0f, 20.0f, 30.0f});
  MatMulInput input;
  input.dense = x.view();
  Matrix out(1, 2);
  reference::MatMulFloat(input, w.view(), 0, 2, out.view());
  // 10 + 40 - 30 and 5 + 120.
  EXPECT_THAT(out.values(), ElementsAre(20.0f, 125.0f));
}

struct CodecCase {
  Codec codec;
  int64_t group_size;
  int low;
  int high;
};

class ReferenceQuantizedTest : public ::testing::TestWithParam<CodecCase> {};

TEST_P(ReferenceQuantizedTest, IsTheProductOfTheUnpackedValues) {
  RandomData random;
  for (const int64_t cols : {1, 33, 172, 256}) {
    StoredMatrix w(GetParam().codec, 17, cols, GetParam().group_size);
    FillQuantized(random, GetParam().low, GetParam().high, &w);
    const Activations x(
        2, cols, [&] { return random.Int(-127, 127); }, random);
    Matrix out(2, 17);
    reference::MakeTable().matmul[static_cast<size_t>(GetParam().codec)](
        x.input(), w.view(), 0, 17, out.view());
    const CodecInfo& info = GetCodecInfo(GetParam().codec);
    Matrix unpacked(17, cols);
    info.unpack_rows(w.view(), 0, 17, unpacked.values().data());
    for (int64_t t = 0; t < 2; ++t) {
      for (int64_t r = 0; r < 17; ++r) {
        double exact = 0.0;
        double magnitude = 0.0;
        for (int64_t c = 0; c < cols; ++c) {
          const int64_t stride = x.rows().stride;
          const float scale =
              info.activation_group == 0
                  ? x.input().quantized.scales[t]
                  : x.input().grouped.scales[t * (stride / 32) + c / 32];
          const double value = double{scale} * x.rows().codes[t * stride + c] *
                               double{unpacked.view().at(r, c)};
          exact += value;
          magnitude += std::abs(value);
        }
        // A rounding per group (at most 8), two of the scales, and one of each
        // unpacked value.
        EXPECT_NEAR(double{out.view().at(t, r)}, exact,
                    magnitude * 11 * 0x1.0p-24);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Codecs, ReferenceQuantizedTest,
    ::testing::Values(CodecCase{Codec::kInt8, 0, -127, 127},
                      CodecCase{Codec::kInt8ActivationGroups, 0, -127, 127},
                      CodecCase{Codec::kInt4, 32, -8, 7},
                      CodecCase{Codec::kInt4, 128, -8, 7},
                      CodecCase{Codec::kInt4Asymmetric, 64, 0, 15},
                      CodecCase{Codec::kInt4Progressive, 32, -8, 7},
                      CodecCase{Codec::kInt4Progressive, 128, -8, 7}));

}  // namespace
}  // namespace ounce
