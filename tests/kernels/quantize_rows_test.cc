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
    return quantizer_.Quantize(context, x.view(), {true, false}).quantized;
  }
  QuantizedRows QuantizeByGroup(const Matrix& x) {
    KernelContext context(GetParam(), &pool_);
    return quantizer_.Quantize(context, x.view(), {false, true}).grouped;
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

// A token's groups are quantised as tokens of 32 columns are.
TEST_P(QuantizeRowsTest, GroupsHaveScalesOfTheirOwn) {
  Matrix x(1, 70);
  // Scales 1 and 0.5, and a group of two columns with the scale 2.
  x.row(0)[0] = -127.0f;
  x.row(0)[31] = 2.5f;
  x.row(0)[32] = 63.5f;
  x.row(0)[63] = 1.25f;
  x.row(0)[64] = 254.0f;
  x.row(0)[69] = -3.0f;
  const QuantizedRows rows = QuantizeByGroup(x);
  EXPECT_EQ(rows.stride, 128);
  EXPECT_THAT(std::vector<float>(rows.scales, rows.scales + 4),
              ElementsAre(1.0f, 0.5f, 2.0f, 0.0f));
  std::vector<int8_t> expected(128);
  expected[0] = -127;
  expected[31] = 2;
  expected[32] = 127;
  expected[63] = 2;
  expected[64] = 127;
  expected[69] = -2;
  EXPECT_EQ(Codes(rows, 0), expected);
  const int32_t sums[] = {-125, 129, 125, 0};
  for (int g = 0; g < 4; ++g) EXPECT_EQ(DecodeSum(rows.sums[g]), sums[g]) << g;
}

TEST_P(QuantizeRowsTest, ZeroGroupsHaveScaleZero) {
  Matrix x(2, 100);
  x.row(1)[40] = 1.0f;
  x.row(1)[99] = std::numeric_limits<float>::denorm_min();
  const QuantizedRows rows = QuantizeByGroup(x);
  EXPECT_THAT(std::vector<float>(rows.scales, rows.scales + 8),
              ElementsAre(0.0f, 0.0f, 0.0f, 0.0f,  //
                          0.0f, 1.0f / 127.0f, 0.0f, 0.0f));
  EXPECT_THAT(Codes(rows, 0), Each(0));
  std::vector<int8_t> expected(128);
  expected[40] = 127;
  EXPECT_EQ(Codes(rows, 1), expected);
}

TEST_P(QuantizeRowsTest, BothFormsAreWhatEachIsAlone) {
  RandomData random;
  const Matrix x = random.Floats(3, 170);
  KernelContext context(GetParam(), &pool_);
  RowQuantizer both_quantizer;
  const MatMulInput both =
      both_quantizer.Quantize(context, x.view(), {true, true});
  EXPECT_EQ(both.dense.data, x.view().data);
  const QuantizedRows by_token = Quantize(x);
  const QuantizedRows by_group = QuantizeByGroup(x);
  const int64_t groups = by_group.stride / 32;
  for (int64_t t = 0; t < 3; ++t) {
    EXPECT_EQ(Codes(both.quantized, t), Codes(by_token, t));
    EXPECT_EQ(both.quantized.scales[t], by_token.scales[t]);
    EXPECT_EQ(Codes(both.grouped, t), Codes(by_group, t));
    EXPECT_TRUE(std::equal(by_group.scales + t * groups,
                           by_group.scales + (t + 1) * groups,
                           both.grouped.scales + t * groups));
  }
}

TEST_P(QuantizeRowsTest, NormAndQuantizeGivesTheNormsForms) {
  RandomData random;
  const Matrix x = random.Floats(3, 170);
  const Matrix weight = random.Floats(1, 170);
  KernelContext context(GetParam(), &pool_);
  RowQuantizer fused;
  Matrix normed(3, 170);
  const MatMulInput input = fused.NormAndQuantize(
      context, {Norm::Kind::kRms, weight.row(0), nullptr, 1e-5f}, x.view(),
      normed.view(), {true, true});
  EXPECT_EQ(input.dense.data, normed.view().data);
  const QuantizedRows by_token = Quantize(normed);
  const QuantizedRows by_group = QuantizeByGroup(normed);
  for (int64_t t = 0; t < 3; ++t) {
    EXPECT_EQ(Codes(input.quantized, t), Codes(by_token, t));
    EXPECT_EQ(Codes(input.grouped, t), Codes(by_group, t));
  }
}

TEST(FormsForTest, AreThoseOfTheCodecs) {
  PackedMatrix f32, int8, int4, groups;
  int8.codec = Codec::kInt8;
  int4.codec = Codec::kInt4;
  groups.codec = Codec::kInt8ActivationGroups;
  EXPECT_FALSE(FormsFor({}).any());
  EXPECT_FALSE(FormsFor({&f32}).any());
  for (const PackedMatrix* w : {&int8, &int4}) {
    EXPECT_TRUE(FormsFor({&f32, w}).by_token);
    EXPECT_FALSE(FormsFor({&f32, w}).by_group);
  }
  EXPECT_FALSE(FormsFor({&groups}).by_token);
  EXPECT_TRUE(FormsFor({&groups, &f32}).by_group);
  EXPECT_TRUE(FormsFor({&int4, &groups}).by_token);
  EXPECT_TRUE(FormsFor({&int4, &groups}).by_group);
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
    const auto stride = static_cast<size_t>(RoundUp(cols, 64));
    for (const auto kernel :
         {&KernelTable::quantize_row, &KernelTable::quantize_row_groups}) {
      std::vector<int8_t> codes[2];
      std::vector<int32_t> sums[2];
      std::vector<float> scales[2];
      for (const int i : {0, 1}) {
        codes[i].assign(stride, 55);
        sums[i].assign(stride / 32, 55);
        scales[i].assign(stride / 32, 55.0f);
        ((i == 0 ? table() : reference()).*kernel)(
            x.row(0), cols, static_cast<int64_t>(stride), codes[i].data(),
            scales[i].data(), sums[i].data());
      }
      EXPECT_EQ(scales[0], scales[1]);
      EXPECT_EQ(codes[0], codes[1]);
      EXPECT_EQ(sums[0], sums[1]);
    }
  }
}

TEST_P(QuantizeRowsTest, ThreadsDoNotChangeTheResult) {
  RandomData random;
  const Matrix x = random.Floats(50, 1000);
  ThreadPool threads(3);
  KernelContext one(GetParam(), &pool_);
  KernelContext three(GetParam(), &threads);
  RowQuantizer other;
  const MatMulInput all = quantizer_.Quantize(one, x.view(), {true, true});
  const MatMulInput shared = other.Quantize(three, x.view(), {true, true});
  for (const auto form : {&MatMulInput::quantized, &MatMulInput::grouped}) {
    const QuantizedRows& a = all.*form;
    const QuantizedRows& b = shared.*form;
    const int64_t groups = 50 * a.stride / 32;
    const int64_t scales = form == &MatMulInput::quantized ? 50 : groups;
    EXPECT_TRUE(std::equal(a.codes, a.codes + 50 * a.stride, b.codes));
    EXPECT_TRUE(std::equal(a.scales, a.scales + scales, b.scales));
    EXPECT_TRUE(std::equal(a.sums, a.sums + groups, b.sums));
  }
}

TEST_P(QuantizeRowsTest, NoTokensGiveNoRows) {
  EXPECT_EQ(Quantize(Matrix(0, 64)).tokens, 0);
}

OUNCE_INSTANTIATE_ISA_TEST(QuantizeRowsTest);

}  // namespace
}  // namespace ounce
