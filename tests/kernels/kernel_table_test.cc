// The products of every instruction set against the reference.
#include "kernels/kernel_table.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

// Tails of vectors of 4, 8 and 16 rows.
const std::vector<int64_t>& Rows() {
  static const auto& rows = *new std::vector<int64_t>{1, 5, 12, 15, 16, 17, 33};
  return rows;
}
const std::vector<int64_t>& Cols() {
  static const auto& cols =
      *new std::vector<int64_t>{1, 3, 4, 31, 32, 33, 64, 172, 256, 4096};
  return cols;
}
const std::vector<int64_t>& Tokens() {
  static const auto& tokens =
      *new std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 100};
  return tokens;
}

class ProductTest : public IsaTest {
 protected:
  Matrix Run(const KernelTable& kernels, const MatMulInput& x,
             const PackedMatrix& w, int64_t tokens) {
    Matrix out(tokens, w.rows);
    kernels.matmul_of(w.codec)(x, w, 0, w.rows, out.view());
    return out;
  }

  // The product with the same weights one byte further on is the same.
  void ExpectSameUnaligned(const Matrix& x, StoredMatrix* aligned) {
    const PackedMatrix stored = aligned->view();
    std::vector<uint8_t> shifted(static_cast<size_t>(stored.bytes) + 1);
    std::memcpy(shifted.data() + 1, stored.data, shifted.size() - 1);
    PackedMatrix unaligned = stored;
    unaligned.data = shifted.data() + 1;
    MatMulInput input;
    input.dense = x.view();
    EXPECT_THAT(
        Run(table(), input, unaligned, 2).values(),
        ::testing::ElementsAreArray(Run(table(), input, stored, 2).values()))
        << GetCodecInfo(stored.codec).name;
  }

  // Bit for bit: also the sign of a zero.  Where unsigned codes are taken too,
  // with and without them.
  void ExpectSameBits(MatMulInput input, const PackedMatrix& w) {
    const QuantizedRows& x = input.quantized;
    const Matrix expected = Run(reference(), input, w, x.tokens);
    ExpectBits(input, w, expected);
    if (table().min_unsigned_tokens[static_cast<size_t>(w.codec)] == 0) return;
    std::vector<uint8_t> codes;
    for (int64_t i = 0; i < x.tokens * x.stride; ++i) {
      codes.push_back(static_cast<uint8_t>(x.codes[i] + 128));
    }
    input.quantized.unsigned_codes = codes.data();
    ExpectBits(input, w, expected);
  }

  void ExpectBits(const MatMulInput& input, const PackedMatrix& w,
                  const Matrix& expected) {
    const Matrix actual = Run(table(), input, w, expected.rows());
    const size_t bytes = expected.values().size() * sizeof(float);
    ASSERT_EQ(
        std::memcmp(actual.values().data(), expected.values().data(), bytes), 0)
        << GetCodecInfo(w.codec).name << " " << w.rows << " x " << w.cols
        << " group " << w.group_size << " tokens " << expected.rows()
        << (input.quantized.unsigned_codes != nullptr ? " unsigned" : "");
  }

  // The product of a float codec.
  void ExpectNearTheExact(const Matrix& x, const PackedMatrix& w) {
    MatMulInput input;
    input.dense = x.view();
    const Matrix out = Run(table(), input, w, x.rows());
    std::vector<float> row(static_cast<size_t>(w.cols));
    for (int64_t r = 0; r < w.rows; ++r) {
      GetCodecInfo(w.codec).unpack_rows(w, r, r + 1, row.data());
      for (int64_t t = 0; t < x.rows(); ++t) {
        double exact = 0.0;
        double magnitude = 0.0;
        for (int64_t c = 0; c < w.cols; ++c) {
          const double product =
              double{x.view().at(t, c)} * double{row[static_cast<size_t>(c)]};
          exact += product;
          magnitude += std::abs(product);
        }
        // With 8 partial sums at least, no sum is longer than cols / 8 + 8
        // terms, each adding half an ulp of what is summed so far.
        const double bound =
            magnitude * 0x1.0p-24 * (static_cast<double>(w.cols) / 8.0 + 9.0);
        EXPECT_NEAR(double{out.view().at(t, r)}, exact, bound)
            << GetCodecInfo(w.codec).name << " cols " << w.cols;
      }
    }
  }

  void ExpectSameBitsForAllShapes(Codec codec, int64_t group_size, int low,
                                  int high) {
    RandomData random;
    for (const int64_t cols : Cols()) {
      for (const int64_t tokens : Tokens()) {
        // The large shapes cost the reference too much to run in all pairs.
        if (cols == 4096 && tokens > 9 && tokens != 33) continue;
        const Activations x(
            tokens, cols, [&] { return random.Int(-127, 127); }, random);
        for (const int64_t rows : Rows()) {
          if (cols == 4096 && rows != 17) continue;
          StoredMatrix w(codec, rows, cols, group_size);
          FillQuantized(random, low, high, &w);
          ExpectSameBits(x.input(), w.view());
        }
      }
    }
  }
};

TEST_P(ProductTest, Int8HasTheReferenceBits) {
  ExpectSameBitsForAllShapes(Codec::kInt8, 0, -127, 127);
}

TEST_P(ProductTest, Int8ActivationGroupsHasTheReferenceBits) {
  ExpectSameBitsForAllShapes(Codec::kInt8ActivationGroups, 0, -127, 127);
}

TEST_P(ProductTest, Int4HasTheReferenceBits) {
  for (const int64_t group_size : {32, 64, 128}) {
    ExpectSameBitsForAllShapes(Codec::kInt4, group_size, -8, 7);
  }
}

TEST_P(ProductTest, Int4AsymmetricHasTheReferenceBits) {
  for (const int64_t group_size : {32, 64, 128}) {
    ExpectSameBitsForAllShapes(Codec::kInt4Asymmetric, group_size, 0, 15);
  }
}

TEST_P(ProductTest, Int4ProgressiveHasTheReferenceBits) {
  for (const int64_t group_size : {32, 64, 128}) {
    ExpectSameBitsForAllShapes(Codec::kInt4Progressive, group_size, -8, 7);
  }
}

// More tokens than are taken at a time, and columns that end within a panel.
TEST_P(ProductTest, ManyTokensAndPanelsHaveTheReferenceBits) {
  RandomData random;
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt8ActivationGroups, Codec::kInt4,
        Codec::kInt4Asymmetric, Codec::kInt4Progressive}) {
    const int low = codec == Codec::kInt4Asymmetric ? 0 : -8;
    for (const int64_t cols : {65, 1056, 2112}) {
      for (const int64_t tokens : {16, 32, 121, 143}) {
        const Activations x(
            tokens, cols, [&] { return random.Int(-127, 127); }, random);
        StoredMatrix w(codec, 18, cols, GetCodecInfo(codec).grouped ? 64 : 0);
        FillQuantized(random, low, low + 15, &w);
        ExpectSameBits(x.input(), w.view());
      }
    }
  }
}

// More tokens than pass over one panel, more panels than one, and row blocks by
// three, two and one.
TEST_P(ProductTest, LongPromptsHaveTheReferenceBits) {
  constexpr int64_t kTokens = 520;
  constexpr int64_t kCols = 800;
  RandomData random;
  const Activations x(
      kTokens, kCols, [&] { return random.Int(-127, 127); }, random);
  const Activations narrow(
      kTokens, kCols - 3, [&] { return random.Int(-127, 127); }, random);
  for (const int64_t rows : {64, 70}) {
    StoredMatrix w(Codec::kInt4Progressive, rows, kCols, 128);
    FillQuantized(random, -8, 7, &w);
    ExpectSameBits(x.input(), w.view());
    StoredMatrix int8(Codec::kInt8ActivationGroups, rows, kCols - 3, 0);
    FillQuantized(random, -127, 127, &int8);
    ExpectSameBits(narrow.input(), int8.view());
  }
}

// The largest sums there are, with one token and with tiles and panels of many.
TEST_P(ProductTest, LargestGroupScalesDoNotSaturate) {
  constexpr int64_t kCols = 1120;
  RandomData random;
  for (const int code : {-8, 7}) {
    QuantizedMatrix matrix = {16, kCols, 32, {}, {}, {}};
    matrix.codes.assign(16 * kCols, static_cast<int8_t>(code));
    for (int64_t i = 0; i < 16 * matrix.num_groups(); ++i) {
      // One group of each row makes 0.25 the unit.
      const float multiple = i % matrix.num_groups() == 0 ? 1.0f : 15.0f;
      matrix.scales.push_back(i % 2 == 0 ? 0.25f * multiple
                                         : -0.25f * multiple);
    }
    StoredMatrix w(Codec::kInt4Progressive, 16, kCols, 32);
    GetCodecInfo(Codec::kInt4Progressive).pack(matrix, w.bytes());
    for (const int64_t tokens : {1, 5, 18}) {
      for (const int x_code : {-127, 127}) {
        const Activations x(
            tokens, kCols, [&] { return x_code; }, random);
        ExpectSameBits(x.input(), w.view());
      }
    }
  }
}

// Where 16-bit sums of pairs would saturate: 127 * 127 * 2 = 32258 still fits,
// two of those do not; neither do ten times 15 * 127 * 2.  No weight of ours is
// -128, but a file may hold one.
TEST_P(ProductTest, ExtremeCodesDoNotSaturate) {
  constexpr int64_t kCols = 4096;
  RandomData random;
  for (const int x_code : {-127, 127}) {
    const Activations x(
        5, kCols, [&] { return x_code; }, random);
    const Activations many(
        33, kCols, [&] { return x_code; }, random);
    for (const int code : {-128, -127, 127}) {
      for (const Codec codec : {Codec::kInt8, Codec::kInt8ActivationGroups}) {
        StoredMatrix w(codec, 16, kCols, 0);
        FillQuantized(random, code, code, &w);
        ExpectSameBits(x.input(), w.view());
        ExpectSameBits(many.input(), w.view());
      }
    }
    for (const int64_t group_size : {32, 64, 128}) {
      for (const int code : {-8, 7}) {
        for (const Codec codec : {Codec::kInt4, Codec::kInt4Progressive}) {
          StoredMatrix w(codec, 16, kCols, group_size);
          FillQuantized(random, code, code, &w);
          ExpectSameBits(x.input(), w.view());
        }
      }
      StoredMatrix w(Codec::kInt4Asymmetric, 16, kCols, group_size);
      FillQuantized(random, 0, 15, &w);
      ExpectSameBits(x.input(), w.view());
    }
  }
}

// A pair of opposite extremes next to each other cancels only if neither half
// is cut off.
TEST_P(ProductTest, AlternatingExtremesDoNotSaturate) {
  RandomData random;
  int next = 0;
  const Activations x(
      4, 256, [&] { return ++next % 4 < 2 ? 127 : -127; }, random);
  for (const Codec codec : {Codec::kInt8, Codec::kInt8ActivationGroups}) {
    StoredMatrix w(codec, 16, 256, 0);
    FillQuantized(random, -127, -127, &w);
    ExpectSameBits(x.input(), w.view());
  }
}

TEST_P(ProductTest, WritesOnlyTheRowsAsked) {
  RandomData random;
  for (const Codec codec :
       {Codec::kF32, Codec::kInt8, Codec::kInt8ActivationGroups, Codec::kInt4,
        Codec::kInt4Progressive, Codec::kQ8_0}) {
    StoredMatrix w(codec, 40, 64, GetCodecInfo(codec).grouped ? 32 : 0);
    if (GetCodecInfo(codec).quantized) {
      FillQuantized(random, 1, 1, &w);
    } else if (IsForeign(codec)) {
      FillBlocks(random, &w);
    } else {
      FillFloats(random, &w);
    }
    const Activations x(
        3, 64, [&] { return 1; }, random);
    const Matrix dense = random.Floats(3, 64);
    MatMulInput input = x.input();
    input.dense = dense.view();
    Matrix out(3, 40, std::vector<float>(3 * 40, -99.0f));
    table().matmul_of(codec)(input, w.view(), 16, 32, out.view());
    for (int64_t t = 0; t < 3; ++t) {
      for (int64_t r = 0; r < 40; ++r) {
        EXPECT_EQ(out.view().at(t, r) != -99.0f, r >= 16 && r < 32);
      }
    }
  }
}

TEST_P(ProductTest, FloatCodecsAreNearTheExactProduct) {
  RandomData random;
  for (const Codec codec : {Codec::kF32, Codec::kF16, Codec::kBF16}) {
    for (const int64_t cols : Cols()) {
      for (const int64_t tokens : {1, 2, 3, 4, 5, 9}) {
        StoredMatrix w(codec, 5, cols, 0);
        FillFloats(random, &w);
        ExpectNearTheExact(random.Floats(tokens, cols), w.view());
      }
    }
  }
}

// Rows of one block, and of more than are widened at a time.
TEST_P(ProductTest, ForeignCodecsAreNearTheExactProduct) {
  RandomData random;
  for (const CodecInfo& info : ForeignCodecs()) {
    for (const int64_t blocks :
         {int64_t{1}, int64_t{3}, 4096 / info.block.cols}) {
      for (const int64_t tokens : {1, 2, 3, 4, 5, 9}) {
        StoredMatrix w(info.codec, 5, blocks * info.block.cols, 0);
        FillBlocks(random, &w);
        ExpectNearTheExact(random.Floats(tokens, w.view().cols), w.view());
      }
    }
  }
}

TEST_P(ProductTest, ForeignWeightsMayBeUnaligned) {
  RandomData random;
  const Matrix x = random.Floats(2, 1280);
  for (const CodecInfo& info : ForeignCodecs()) {
    StoredMatrix aligned(info.codec, 3, 1280, 0);
    FillBlocks(random, &aligned);
    ExpectSameUnaligned(x, &aligned);
  }
}

TEST_P(ProductTest, FloatWeightsMayBeUnaligned) {
  RandomData random;
  const Matrix x = random.Floats(2, 37);
  for (const Codec codec : {Codec::kF32, Codec::kF16, Codec::kBF16}) {
    StoredMatrix aligned(codec, 3, 37, 0);
    FillFloats(random, &aligned);
    ExpectSameUnaligned(x, &aligned);
  }
}

OUNCE_INSTANTIATE_ISA_TEST(ProductTest);

}  // namespace
}  // namespace ounce
