#include "kernels/onednn/int8_panel.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_table.h"
#include "kernels/onednn/cpu_isa.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

class Int8PanelTest : public ::testing::Test {
 protected:
  Int8PanelTest() { CapOneDnn(SupportedIsas().back()); }

  // With weights up to `limit`.
  void ExpectReferenceBits(int64_t tokens, int64_t rows, int64_t cols,
                           int limit) {
    RandomData random;
    StoredMatrix w(Codec::kInt8, rows, cols, 0);
    FillQuantized(random, -limit, limit, &w);
    const Activations x(
        tokens, cols, [&] { return random.Int(-127, 127); }, random);
    MatMulInput input;
    input.quantized = x.rows();
    Matrix expected(tokens, rows);
    GetKernelTable(Isa::kReference)
        .matmul[static_cast<size_t>(Codec::kInt8)](input, w.view(), 0, rows,
                                                   expected.view());
    std::vector<float> scratch(
        static_cast<size_t>(Int8PanelScratch(w.view(), rows)));
    Matrix actual(tokens, rows);
    ASSERT_TRUE(MultiplyInt8Panel(x.rows(), w.view(), 0, rows, scratch.data(),
                                  actual.view()));
    EXPECT_THAT(actual.values(), ElementsAreArray(expected.values()))
        << tokens << " tokens, " << rows << " x " << cols;
  }
};

// Weights up to 63 are exact everywhere: 255 * 63 * 2 = 32130 < 2^15.
TEST_F(Int8PanelTest, HasTheReferenceBits) {
  for (const int64_t tokens : {1, 16, 33, 128, 300}) {
    for (const int64_t rows : {1, 16, 33, 128}) {
      for (const int64_t cols : {1, 31, 64, 172, 1000}) {
        ExpectReferenceBits(tokens, rows, cols, 63);
      }
    }
  }
}

TEST_F(Int8PanelTest, FullRangeIsExactWithVnni) {
  if (!OneDnnHasVnni()) GTEST_SKIP() << "this CPU has no avx512-vnni";
  ExpectReferenceBits(64, 128, 4096, 127);
}

// Group scales up to 7 make weights up to 56.
TEST_F(Int8PanelTest, IntegerGroupScalesHaveTheReferenceBits) {
  RandomData random;
  for (const int64_t cols : {1, 33, 172, 1000}) {
    for (const int64_t group_size : {32, 64, 128}) {
      for (const int64_t rows : {1, 33, 128}) {
        QuantizedMatrix matrix = {rows, cols, group_size, {}, {}, {}};
        for (int64_t i = 0; i < rows * cols; ++i) {
          matrix.codes.push_back(static_cast<int8_t>(random.Int(-8, 7)));
        }
        for (int64_t i = 0; i < rows * matrix.num_groups(); ++i) {
          matrix.scales.push_back(0.125f *
                                  static_cast<float>(random.Int(-7, 7)));
        }
        StoredMatrix w(Codec::kInt4Progressive, rows, cols, group_size);
        GetCodecInfo(Codec::kInt4Progressive).pack(matrix, w.bytes());
        const Activations x(
            33, cols, [&] { return random.Int(-127, 127); }, random);
        MatMulInput input;
        input.quantized = x.rows();
        Matrix expected(33, rows);
        GetKernelTable(Isa::kReference)
            .matmul[static_cast<size_t>(Codec::kInt4Progressive)](
                input, w.view(), 0, rows, expected.view());
        std::vector<float> scratch(
            static_cast<size_t>(Int8PanelScratch(w.view(), rows)));
        Matrix actual(33, rows);
        ASSERT_TRUE(MultiplyInt8Panel(x.rows(), w.view(), 0, rows,
                                      scratch.data(), actual.view()));
        EXPECT_THAT(actual.values(), ElementsAreArray(expected.values()));
      }
    }
  }
}

TEST_F(Int8PanelTest, LaterPanelsReadTheirOwnRows) {
  RandomData random;
  StoredMatrix w(Codec::kInt8, 40, 64, 0);
  FillQuantized(random, -63, 63, &w);
  const Activations x(
      20, 64, [&] { return random.Int(-127, 127); }, random);
  MatMulInput input;
  input.quantized = x.rows();
  Matrix expected(20, 40);
  GetKernelTable(Isa::kReference)
      .matmul[static_cast<size_t>(Codec::kInt8)](input, w.view(), 0, 40,
                                                 expected.view());
  std::vector<float> scratch(
      static_cast<size_t>(Int8PanelScratch(w.view(), 24)));
  Matrix actual(20, 40);
  ASSERT_TRUE(MultiplyInt8Panel(x.rows(), w.view(), 0, 16, scratch.data(),
                                actual.view()));
  ASSERT_TRUE(MultiplyInt8Panel(x.rows(), w.view(), 16, 40, scratch.data(),
                                actual.view()));
  EXPECT_THAT(actual.values(), ElementsAreArray(expected.values()));
}

}  // namespace
}  // namespace ounce
