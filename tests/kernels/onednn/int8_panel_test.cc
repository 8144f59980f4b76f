#include "kernels/onednn/int8_panel.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/kernel_context.h"
#include "kernels/kernel_table.h"
#include "kernels/onednn/cpu_isa.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

// Once per instruction set that multiplies panels.  oneDNN keeps the cap of a
// process's first test: run alone, each has its own.
class Int8PanelTest : public IsaTest {
 protected:
  void SetUp() override {
    IsaTest::SetUp();
    if (IsSkipped()) return;
    if (table().scale_sums == nullptr) {
      GTEST_SKIP() << IsaName(GetParam()) << " multiplies no panels";
    }
    CapOneDnn(GetParam());
    ASSERT_TRUE(OneDnnHasVnni());
  }

  // The rows [row_begin, row_end).
  void Multiply(const Activations& x, const PackedMatrix& w, int64_t row_begin,
                int64_t row_end, Matrix* out) {
    QuantizedRows rows = x.rows();
    // Whatever lies behind the last token must not matter.
    std::vector<uint8_t> codes(
        static_cast<size_t>(RoundUp(rows.tokens, kPanelTokens) * rows.stride),
        0xEE);
    table().make_unsigned(rows.codes, rows.tokens * rows.stride, codes.data());
    rows.unsigned_codes = codes.data();
    ASSERT_TRUE(MultiplyInt8Panel(
        table(), rows, w, row_begin, row_end,
        scratch_.Floats(0, Int8PanelScratch(w, row_end - row_begin)),
        out->view()));
  }

  void ExpectReferenceBits(const Activations& x, const StoredMatrix& w) {
    const PackedMatrix view = w.view();
    MatMulInput input;
    input.quantized = x.rows();
    const int64_t tokens = input.quantized.tokens;
    Matrix expected(tokens, view.rows);
    reference().matmul[static_cast<size_t>(view.codec)](
        input, view, 0, view.rows, expected.view());
    Matrix actual(tokens, view.rows);
    Multiply(x, view, 0, view.rows, &actual);
    EXPECT_THAT(actual.values(), ElementsAreArray(expected.values()))
        << tokens << " tokens, " << view.rows << " x " << view.cols;
  }

  RandomData random_;
  WorkerScratch scratch_{1};
};

TEST_P(Int8PanelTest, HasTheReferenceBits) {
  for (const int64_t tokens : {1, 16, 33, 128, 300}) {
    for (const int64_t rows : {1, 16, 33, 128, 200}) {
      for (const int64_t cols : {1, 31, 64, 172, 1000}) {
        StoredMatrix w(Codec::kInt8, rows, cols, 0);
        FillQuantized(random_, -127, 127, &w);
        const Activations x(
            tokens, cols, [&] { return random_.Int(-127, 127); }, random_);
        ExpectReferenceBits(x, w);
      }
    }
  }
}

// The largest sums that codes can make: pairs of products exceed 16 bits.
TEST_P(Int8PanelTest, ExtremesAreExact) {
  StoredMatrix w(Codec::kInt8, 64, 8192, 0);
  FillQuantized(random_, 127, 127, &w);
  const Activations x(
      17, 8192, [] { return 127; }, random_);
  ExpectReferenceBits(x, w);
}

TEST_P(Int8PanelTest, IntegerGroupScalesHaveTheReferenceBits) {
  for (const int64_t cols : {1, 33, 172, 1000}) {
    for (const int64_t group_size : {32, 64, 128}) {
      for (const int64_t rows : {1, 33, 128}) {
        QuantizedMatrix matrix = {rows, cols, group_size, {}, {}, {}};
        for (int64_t i = 0; i < rows * cols; ++i) {
          matrix.codes.push_back(static_cast<int8_t>(random_.Int(-8, 7)));
        }
        for (int64_t i = 0; i < rows * matrix.num_groups(); ++i) {
          matrix.scales.push_back(0.125f *
                                  static_cast<float>(random_.Int(-15, 15)));
        }
        StoredMatrix w(Codec::kInt4Progressive, rows, cols, group_size);
        GetCodecInfo(Codec::kInt4Progressive).pack(matrix, w.bytes());
        const Activations x(
            33, cols, [&] { return random_.Int(-127, 127); }, random_);
        ExpectReferenceBits(x, w);
      }
    }
  }
}

TEST_P(Int8PanelTest, LaterPanelsReadTheirOwnRows) {
  StoredMatrix w(Codec::kInt8, 40, 64, 0);
  FillQuantized(random_, -127, 127, &w);
  const Activations x(
      20, 64, [&] { return random_.Int(-127, 127); }, random_);
  MatMulInput input;
  input.quantized = x.rows();
  Matrix expected(20, 40);
  reference().matmul[static_cast<size_t>(Codec::kInt8)](input, w.view(), 0, 40,
                                                        expected.view());
  Matrix actual(20, 40);
  Multiply(x, w.view(), 0, 16, &actual);
  Multiply(x, w.view(), 16, 40, &actual);
  EXPECT_THAT(actual.values(), ElementsAreArray(expected.values()));
}

OUNCE_INSTANTIATE_ISA_TEST(Int8PanelTest);

}  // namespace
}  // namespace ounce
