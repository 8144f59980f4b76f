#include "kernels/linear.h"

#include <cstring>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/quantize_rows.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAreArray;

constexpr Codec kCodecs[] = {Codec::kF32,  Codec::kF16,
                             Codec::kBF16, Codec::kInt8,
                             Codec::kInt4, Codec::kInt4Asymmetric};

class LinearTest : public IsaTest {
 protected:
  static void Fill(StoredMatrix* w) {
    RandomData random;
    switch (w->view().codec) {
      case Codec::kInt8:
        return FillQuantized(random, -127, 127, w);
      case Codec::kInt4:
        return FillQuantized(random, -8, 7, w);
      case Codec::kInt4Asymmetric:
        return FillQuantized(random, 0, 15, w);
      default:
        return FillFloats(random, w);
    }
  }

  Matrix Run(int num_threads, const Matrix& x, const PackedMatrix& w,
             const float* bias = nullptr) {
    ThreadPool pool(num_threads);
    KernelContext context(GetParam(), &pool);
    RowQuantizer quantizer;
    MatMulInput input;
    input.dense = x.view();
    input.quantized = quantizer.Quantize(context, x.view());
    Matrix out(x.rows(), w.rows);
    Linear(context, input, w, bias, out.view());
    return out;
  }
};

// 300 rows make several tasks and a partial last one, whichever way is taken.
TEST_P(LinearTest, ThreadsDoNotChangeTheBits) {
  for (const Codec codec : kCodecs) {
    StoredMatrix w(codec, 300, 172, GetCodecInfo(codec).grouped ? 64 : 0);
    Fill(&w);
    for (const int64_t tokens : {1, 3, 40}) {
      const Matrix x = RandomData().Floats(tokens, 172);
      const Matrix one = Run(1, x, w.view());
      for (const int threads : {2, 3}) {
        EXPECT_THAT(Run(threads, x, w.view()).values(),
                    ElementsAreArray(one.values()))
            << GetCodecInfo(codec).name << " tokens " << tokens;
      }
    }
  }
}

TEST_P(LinearTest, QuantisedProductsHaveTheReferenceBits) {
  for (const Codec codec :
       {Codec::kInt8, Codec::kInt4, Codec::kInt4Asymmetric}) {
    StoredMatrix w(codec, 150, 172, GetCodecInfo(codec).grouped ? 32 : 0);
    Fill(&w);
    for (const int64_t tokens : {1, 2, 15, 16, 70}) {
      const Matrix x = RandomData().Floats(tokens, 172);
      ThreadPool pool(1);
      KernelContext context(Isa::kReference, &pool);
      RowQuantizer quantizer;
      MatMulInput input;
      input.quantized = quantizer.Quantize(context, x.view());
      Matrix expected(tokens, 150);
      reference().matmul[static_cast<size_t>(codec)](input, w.view(), 0, 150,
                                                     expected.view());
      EXPECT_THAT(Run(1, x, w.view()).values(),
                  ElementsAreArray(expected.values()))
          << GetCodecInfo(codec).name << " tokens " << tokens;
    }
  }
}

// Around the number of tokens at which oneDNN takes over.
TEST_P(LinearTest, FloatProductsAreNearTheExactOnes) {
  for (const Codec codec : {Codec::kF32, Codec::kF16, Codec::kBF16}) {
    StoredMatrix w(codec, 140, 172, 0);
    Fill(&w);
    Matrix weights(140, 172);
    GetCodecInfo(codec).unpack_rows(w.view(), 0, 140, weights.values().data());
    for (const int64_t tokens : {1, 4, 7, 8, 11, 12, 16, 33}) {
      const Matrix x = RandomData().Floats(tokens, 172);
      const Matrix out = Run(2, x, w.view());
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t r = 0; r < 140; ++r) {
          double exact = 0.0;
          for (int64_t c = 0; c < 172; ++c) {
            exact += double{x.row(t)[c]} * double{weights.row(r)[c]};
          }
          // 172 products below 1, each rounded once when added in any order.
          EXPECT_NEAR(double{out.row(t)[r]}, exact, 172 * 8 * 0x1.0p-24);
        }
      }
    }
  }
}

TEST_P(LinearTest, UnalignedFloatWeightsAreWidenedToo) {
  StoredMatrix w(Codec::kF32, 20, 64, 0);
  Fill(&w);
  std::vector<uint8_t> shifted(static_cast<size_t>(w.view().bytes) + 1);
  std::memcpy(shifted.data() + 1, w.bytes(), shifted.size() - 1);
  PackedMatrix unaligned = w.view();
  unaligned.data = shifted.data() + 1;
  for (const int64_t tokens : {1, 40}) {
    const Matrix x = RandomData().Floats(tokens, 64);
    EXPECT_THAT(Run(1, x, unaligned).values(),
                ElementsAreArray(Run(1, x, w.view()).values()));
  }
}

TEST_P(LinearTest, BiasIsAddedToEveryToken) {
  const std::vector<float> bias(130, 2.5f);
  for (const Codec codec : kCodecs) {
    StoredMatrix w(codec, 130, 64, GetCodecInfo(codec).grouped ? 32 : 0);
    Fill(&w);
    for (const int64_t tokens : {1, 40}) {
      const Matrix x = RandomData().Floats(tokens, 64);
      const Matrix plain = Run(1, x, w.view());
      const Matrix biased = Run(1, x, w.view(), bias.data());
      for (size_t i = 0; i < plain.values().size(); ++i) {
        ASSERT_EQ(biased.values()[i], plain.values()[i] + 2.5f);
      }
    }
  }
}

TEST_P(LinearTest, NoTokensAreFine) {
  for (const Codec codec : kCodecs) {
    StoredMatrix w(codec, 16, 64, GetCodecInfo(codec).grouped ? 32 : 0);
    EXPECT_EQ(Run(2, Matrix(0, 64), w.view()).rows(), 0);
  }
}

OUNCE_INSTANTIATE_ISA_TEST(LinearTest);

}  // namespace
}  // namespace ounce
