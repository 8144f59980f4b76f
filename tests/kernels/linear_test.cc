#include "kernels/linear.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
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

constexpr Codec kCodecs[] = {Codec::kF32,
                             Codec::kF16,
                             Codec::kBF16,
                             Codec::kInt8,
                             Codec::kInt4,
                             Codec::kInt4Asymmetric,
                             Codec::kInt4Progressive,
                             Codec::kInt8ActivationGroups};

class LinearTest : public IsaTest {
 protected:
  static void Fill(StoredMatrix* w) {
    RandomData random;
    switch (w->view().codec) {
      case Codec::kInt8:
      case Codec::kInt8ActivationGroups:
        return FillQuantized(random, -127, 127, w);
      case Codec::kInt4:
      case Codec::kInt4Progressive:
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
    Matrix out(x.rows(), w.rows);
    Linear(context, quantizer.Quantize(context, x.view(), FormsFor({&w})),
           {{&w, bias, out.view()}});
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
       {Codec::kInt8, Codec::kInt8ActivationGroups, Codec::kInt4,
        Codec::kInt4Asymmetric, Codec::kInt4Progressive}) {
    StoredMatrix w(codec, 150, 172, GetCodecInfo(codec).grouped ? 32 : 0);
    Fill(&w);
    for (const int64_t tokens : {1, 2, 15, 16, 70}) {
      const Matrix x = RandomData().Floats(tokens, 172);
      ThreadPool pool(1);
      KernelContext context(Isa::kReference, &pool);
      RowQuantizer quantizer;
      Matrix expected(tokens, 150);
      reference().matmul[static_cast<size_t>(codec)](
          quantizer.Quantize(context, x.view(), FormsFor({&w.view()})),
          w.view(), 0, 150, expected.view());
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

TEST_P(LinearTest, ForeignProductsAreNearTheExactOnes) {
  StoredMatrix w(Codec::kQ4K, 140, 512, 0);
  RandomData random;
  FillBlocks(random, &w);
  Matrix weights(140, 512);
  GetCodecInfo(Codec::kQ4K)
      .unpack_rows(w.view(), 0, 140, weights.values().data());
  for (const int64_t tokens : {1, 5, 11, 12, 33}) {
    const Matrix x = RandomData().Floats(tokens, 512);
    const Matrix out = Run(2, x, w.view());
    EXPECT_EQ(out.values(), Run(1, x, w.view()).values());
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t r = 0; r < 140; ++r) {
        double exact = 0.0;
        double magnitude = 0.0;
        for (int64_t c = 0; c < 512; ++c) {
          const double product =
              double{x.row(t)[c]} * double{weights.row(r)[c]};
          exact += product;
          magnitude += std::abs(product);
        }
        // No sum is longer than 512 terms.
        EXPECT_NEAR(double{out.row(t)[r]}, exact, 512 * magnitude * 0x1.0p-24);
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

// What several products in one call give is what each gives alone.
class FusedLinearTest : public LinearTest {
 protected:
  // Not before it is known that this CPU runs the instruction set.
  void SetUp() override {
    LinearTest::SetUp();
    if (!IsSkipped()) context_.emplace(GetParam(), &pool_);
  }

  MatMulInput Input(const Matrix& x) {
    return quantizer_.Quantize(*context_, x.view(), {true, true});
  }

  ThreadPool pool_{2};
  std::optional<KernelContext> context_;
  RowQuantizer quantizer_;
};

TEST_P(FusedLinearTest, ProjectionsSideBySide) {
  StoredMatrix a(Codec::kInt4, 300, 96, 32);
  StoredMatrix b(Codec::kInt8, 70, 96, 0);
  StoredMatrix c(Codec::kF32, 130, 96, 0);
  StoredMatrix d(Codec::kInt8ActivationGroups, 90, 96, 0);
  for (StoredMatrix* w : {&a, &b, &c, &d}) Fill(w);
  for (const int64_t tokens : {1, 40}) {
    const Matrix x = RandomData().Floats(tokens, 96);
    Matrix outs[4] = {Matrix(tokens, 300), Matrix(tokens, 70),
                      Matrix(tokens, 130), Matrix(tokens, 90)};
    const PackedMatrix views[4] = {a.view(), b.view(), c.view(), d.view()};
    Linear(*context_, Input(x),
           {{&views[0], nullptr, outs[0].view()},
            {&views[1], nullptr, outs[1].view()},
            {&views[2], nullptr, outs[2].view()},
            {&views[3], nullptr, outs[3].view()}});
    for (int i = 0; i < 4; ++i) {
      EXPECT_THAT(outs[i].values(),
                  ElementsAreArray(Run(1, x, views[i]).values()))
          << i << " tokens " << tokens;
    }
  }
}

TEST_P(FusedLinearTest, AddAddsToTheSum) {
  StoredMatrix w(Codec::kInt4, 300, 96, 32);
  Fill(&w);
  const PackedMatrix view = w.view();
  const Matrix x = RandomData().Floats(5, 96);
  const Matrix product = Run(1, x, view);
  Matrix out(5, 300);
  Matrix sum(5, 300);
  for (float& value : sum.values()) value = 2.5f;
  LinearAdd(*context_, Input(x), {&view, nullptr, out.view()}, sum.view());
  for (size_t i = 0; i < sum.values().size(); ++i) {
    ASSERT_EQ(sum.values()[i], 2.5f + product.values()[i]);
  }
}

// ReLU, so that the expected values are exact: max(gate, 0) * up.
TEST_P(FusedLinearTest, GateAndUpMayHaveCodecsOfTheirOwn) {
  StoredMatrix gate(Codec::kInt4, 300, 96, 32);
  StoredMatrix up4(Codec::kInt4, 300, 96, 64);
  StoredMatrix up8(Codec::kInt8ActivationGroups, 300, 96, 0);
  StoredMatrix up32(Codec::kF32, 300, 96, 0);
  for (StoredMatrix* w : {&gate, &up4, &up8, &up32}) Fill(w);
  const PackedMatrix gate_view = gate.view();
  const std::vector<float> bias(300, 0.5f);
  for (const StoredMatrix* up : {&up4, &up8, &up32}) {
    const PackedMatrix up_view = up->view();
    for (const int64_t tokens : {1, 40}) {
      const Matrix x = RandomData().Floats(tokens, 96);
      const Matrix g = Run(1, x, gate_view, bias.data());
      const Matrix u = Run(1, x, up_view);
      Matrix gate_out(tokens, 300);
      Matrix up_out(tokens, 300);
      GatedLinear(*context_, Input(x), Activation::kRelu,
                  {&gate_view, bias.data(), gate_out.view()},
                  {&up_view, nullptr, up_out.view()});
      for (size_t i = 0; i < g.values().size(); ++i) {
        ASSERT_EQ(gate_out.values()[i],
                  std::max(g.values()[i], 0.0f) * u.values()[i]);
      }
    }
  }
}

OUNCE_INSTANTIATE_ISA_TEST(LinearTest);
OUNCE_INSTANTIATE_ISA_TEST(FusedLinearTest);

}  // namespace
}  // namespace ounce
