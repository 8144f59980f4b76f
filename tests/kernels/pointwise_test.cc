#include "kernels/pointwise.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/isa_fixture.h"
#include "tests/kernels/random_data.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

// Distance between adjacent floats at `value`'s magnitude.
double Ulp(double value) {
  const auto magnitude = static_cast<float>(std::abs(value));
  return double{std::nextafter(magnitude,
                               std::numeric_limits<float>::infinity())} -
         double{magnitude};
}

Norm Rms(const float* weight, float epsilon) {
  return {Norm::Kind::kRms, weight, nullptr, epsilon};
}

class PointwiseTest : public IsaTest {
 protected:
  void SetUp() override {
    IsaTest::SetUp();
    if (IsSkipped()) return;
    context_ = std::make_unique<KernelContext>(GetParam(), &pool_);
  }
  ThreadPool pool_{2};
  std::unique_ptr<KernelContext> context_;
};

TEST_P(PointwiseTest, RmsNormWorkedByHand) {
  // The mean square of {1, 7} is 25, so that the factor is 1/5.
  const Matrix x(1, 2, {1.0f, 7.0f});
  const float weight[2] = {10.0f, 1.0f};
  Matrix out(1, 2);
  Normalize(*context_, Rms(weight, 0.0f), x.view(), out.view());
  EXPECT_THAT(out.values(), ElementsAre(2.0f, 7.0f * 0.2f));
}

TEST_P(PointwiseTest, RmsNormIsWithinItsBound) {
  RandomData random;
  for (const int64_t width : {1, 7, 8, 64, 100, 4099}) {
    const Matrix x = random.Floats(3, width);
    const Matrix weight = random.Floats(1, width);
    Matrix out(3, width);
    Normalize(*context_, Rms(weight.row(0), 1e-5f), x.view(), out.view());
    for (int64_t t = 0; t < 3; ++t) {
      double sum = 0.0;
      for (int64_t c = 0; c < width; ++c) {
        sum += double{x.view().at(t, c)} * double{x.view().at(t, c)};
      }
      const double factor =
          1.0 / std::sqrt(sum / static_cast<double>(width) + double{1e-5f});
      for (int64_t c = 0; c < width; ++c) {
        const double exact =
            double{x.view().at(t, c)} * factor * double{weight.row(0)[c]};
        // Half an ulp of the factor and of two products.
        EXPECT_NEAR(double{out.view().at(t, c)}, exact, 2.0 * Ulp(exact));
      }
    }
  }
}

TEST_P(PointwiseTest, RmsNormWorksInPlaceAndOnZeros) {
  Matrix x(1, 9);
  const std::vector<float> weight(9, 3.0f);
  Normalize(*context_, Rms(weight.data(), 1e-6f), x.view(), x.view());
  EXPECT_THAT(x.values(), ::testing::Each(0.0f));
}

TEST_P(PointwiseTest, LayerNormWorkedByHand) {
  // Mean 4, variance 9: {-1, 1} times the weights, plus the biases.
  const Matrix x(1, 2, {1.0f, 7.0f});
  const float weight[2] = {10.0f, 3.0f};
  const float bias[2] = {0.5f, -1.0f};
  Matrix out(1, 2);
  Normalize(*context_, {Norm::Kind::kLayer, weight, bias, 0.0f}, x.view(),
            out.view());
  EXPECT_THAT(out.values(), ElementsAre(-9.5f, 2.0f));
  Normalize(*context_, {Norm::Kind::kLayer, weight, nullptr, 0.0f}, x.view(),
            out.view());
  EXPECT_THAT(out.values(), ElementsAre(-10.0f, 3.0f));
}

TEST_P(PointwiseTest, LayerNormIsWithinItsBound) {
  RandomData random;
  for (const int64_t width : {1, 7, 8, 64, 100, 4099}) {
    for (const float shift : {0.0f, 1000.0f}) {
      Matrix x = random.Floats(2, width);
      for (float& value : x.values()) value += shift;
      const Matrix weight = random.Floats(1, width);
      const Matrix bias = random.Floats(1, width);
      Matrix out(2, width);
      Normalize(*context_,
                {Norm::Kind::kLayer, weight.row(0), bias.row(0), 1e-5f},
                x.view(), out.view());
      for (int64_t t = 0; t < 2; ++t) {
        double mean = 0.0, squares = 0.0;
        for (int64_t c = 0; c < width; ++c) {
          mean += double{x.row(t)[c]} / static_cast<double>(width);
        }
        for (int64_t c = 0; c < width; ++c) {
          squares += std::pow(double{x.row(t)[c]} - mean, 2);
        }
        const double factor =
            1.0 /
            std::sqrt(squares / static_cast<double>(width) + double{1e-5f});
        for (int64_t c = 0; c < width; ++c) {
          const double term =
              (double{x.row(t)[c]} - mean) * factor * double{weight.row(0)[c]};
          const double exact = term + double{bias.row(0)[c]};
          const double largest =
              std::max(std::abs(term), std::abs(double{bias.row(0)[c]}));
          // Half an ulp of the difference, the factor, a product and the sum;
          // of the difference as large as the shift's own rounding leaves it.
          const double rest = double{0x1p-24f} * Ulp(shift) * factor;
          EXPECT_NEAR(double{out.row(t)[c]}, exact, 4.0 * Ulp(largest) + rest);
        }
      }
    }
  }
}

TEST_P(PointwiseTest, AdjacentPairsRotateByTheirAngles) {
  // Pairs (1, 2) by 90 degrees and (3, 4) by 180; the last two stay.
  const Matrix cos(1, 2, {0.0f, -1.0f});
  const Matrix sin(1, 2, {1.0f, 0.0f});
  Matrix x(1, 6, {1, 2, 3, 4, 5, 6});
  Rotary(*context_, cos.view(), sin.view(), 6, x.view(),
         RotaryPairs::kAdjacent);
  EXPECT_THAT(x.values(), ElementsAre(-2, 1, -3, -4, 5, 6));
}

TEST_P(PointwiseTest, SoftCapIsWithinItsBound) {
  for (const float cap : {0.5f, 30.0f}) {
    std::vector<float> arguments = {0.0f, 1e-20f, 1e30f, -1e30f};
    for (float x = -100.0f; x < 100.0f; x += 0.37f) arguments.push_back(x);
    Matrix x(1, static_cast<int64_t>(arguments.size()), arguments);
    SoftCap(*context_, cap, x.view());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const double exact =
          double{cap} * std::tanh(double{arguments[i]} / double{cap});
      EXPECT_NEAR(double{x.values()[i]}, exact, double{cap} * 0x1p-22);
    }
  }
}

TEST_P(PointwiseTest, ScaleMultipliesEveryElement) {
  Matrix x(2, 3, {1, -2, 3, 4, 5, 6});
  Scale(*context_, 0.5f, x.view());
  EXPECT_THAT(x.values(), ElementsAre(0.5f, -1.0f, 1.5f, 2.0f, 2.5f, 3.0f));
}

TEST_P(PointwiseTest, RotaryWorkedByHand) {
  // Two heads of 4 whose first two values rotate: by 90 degrees (1, 2) becomes
  // (-2, 1); the rest stays.
  const Matrix cos(1, 1, {0.0f});
  const Matrix sin(1, 1, {1.0f});
  Matrix x(1, 8, {1, 2, 3, 4, 5, 6, 7, 8});
  Rotary(*context_, cos.view(), sin.view(), 4, x.view());
  EXPECT_THAT(x.values(), ElementsAre(-2, 1, 3, 4, -6, 5, 7, 8));
}

TEST_P(PointwiseTest, RotaryPairsTheHalves) {
  RandomData random;
  for (const int64_t dim : {2, 6, 16, 32, 50, 128}) {
    const Matrix cos = random.Floats(2, dim / 2);
    const Matrix sin = random.Floats(2, dim / 2);
    const Matrix before = random.Floats(2, dim);
    Matrix x(
        2, dim,
        std::vector<float>(before.values().begin(), before.values().end()));
    Rotary(*context_, cos.view(), sin.view(), dim, x.view());
    for (int64_t t = 0; t < 2; ++t) {
      for (int64_t i = 0; i < dim / 2; ++i) {
        const double a = before.row(t)[i];
        const double b = before.row(t)[i + dim / 2];
        const double c = cos.row(t)[i];
        const double s = sin.row(t)[i];
        const double bound = 2.0 * Ulp(std::max(std::abs(a), std::abs(b)));
        EXPECT_NEAR(double{x.row(t)[i]}, a * c - b * s, bound);
        EXPECT_NEAR(double{x.row(t)[i + dim / 2]}, b * c + a * s, bound);
      }
    }
  }
}

// Every float magnitude that matters, both signs, and the places where exp
// changes its range.
std::vector<float> Arguments() {
  std::vector<float> values = {0.0f,   -0.0f,  1e-30f, -1e-30f, 87.2f,
                               -87.2f, -87.3f, -88.0f, 100.0f,  -1000.0f};
  for (float x = -87.0f; x < 20.0f; x += 0.00371f) values.push_back(x);
  return values;
}

using Formula = double (*)(double);

void ExpectActivation(KernelContext& context, Activation activation,
                      Formula formula, double ulps, double absolute) {
  const std::vector<float> arguments = Arguments();
  const auto size = static_cast<int64_t>(arguments.size());
  Matrix gate(1, size, arguments);
  const Matrix up(1, size, std::vector<float>(arguments.size(), 1.0f));
  GatedActivation(context, activation, up.view(), gate.view());
  for (int64_t i = 0; i < size; ++i) {
    const double exact = formula(double{arguments[static_cast<size_t>(i)]});
    EXPECT_NEAR(double{gate.row(0)[i]}, exact, ulps * Ulp(exact) + absolute)
        << "at " << arguments[static_cast<size_t>(i)];
  }
}

TEST_P(PointwiseTest, SiluIsWithinItsBound) {
  // exp within 2 ulp, a sum, a quotient and a product.  Where exp is no longer
  // a normal number its result is 0: x * 1.2e-38.
  ExpectActivation(
      *context_, Activation::kSilu,
      [](double x) { return x / (1.0 + std::exp(-x)); }, 4.0, 1.2e-36);
}

TEST_P(PointwiseTest, GeluIsWithinItsBound) {
  ExpectActivation(
      *context_, Activation::kGelu,
      // The formula's 1.2e-7 is 2 ulp; the argument of exp goes to -87 and is
      // rounded three times, each of which moves the result by 87 / 2 to 87
      // ulp.  Beyond it the result is 0: x * 1.2e-38.
      [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); },
      3 * 87 + 4, 1.2e-36);
}

TEST_P(PointwiseTest, GeluTanhIsWithinItsBound) {
  // The argument of exp goes to -87 and is rounded four times, each of which
  // moves the result by 87 * 2^-24 relative, that is 87 / 2 to 87 ulp.
  ExpectActivation(
      *context_, Activation::kGeluTanh,
      [](double x) {
        constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
        const double u = kSqrtTwoOverPi * (x + 0.044715 * x * x * x);
        return x / (1.0 + std::exp(-2.0 * u));
      },
      4 * 87 + 4, 1.2e-36);
}

TEST_P(PointwiseTest, TanhAndQuickGeluAreWithinTheirBounds) {
  // 1 - exp has an absolute error.
  ExpectActivation(
      *context_, Activation::kTanh, [](double x) { return std::tanh(x); }, 2.0,
      0x1p-22);
  ExpectActivation(
      *context_, Activation::kQuickGelu,
      [](double x) { return x / (1.0 + std::exp(-1.702 * x)); }, 2 * 87 + 4,
      1.2e-36);
}

TEST_P(PointwiseTest, ActivateGivesWhatGatingByOneDoes) {
  RandomData random;
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh,
        Activation::kRelu, Activation::kTanh, Activation::kQuickGelu,
        Activation::kReluSquared}) {
    for (const int64_t size : {1, 8, 13}) {
      Matrix x = random.Floats(2, size);
      Matrix gate(2, size,
                  std::vector<float>(x.values().begin(), x.values().end()));
      const Matrix ones(
          2, size, std::vector<float>(static_cast<size_t>(2 * size), 1.0f));
      GatedActivation(*context_, activation, ones.view(), gate.view());
      Activate(*context_, activation, x.view());
      EXPECT_THAT(x.values(), ElementsAreArray(gate.values()));
    }
  }
}

TEST_P(PointwiseTest, ReluSquaredSquaresWhatIsPositive) {
  Matrix x(1, 3, {-2.0f, 0.0f, 3.0f});
  Activate(*context_, Activation::kReluSquared, x.view());
  EXPECT_THAT(x.values(), ElementsAre(0.0f, 0.0f, 9.0f));
}

TEST_P(PointwiseTest, ReluCutsNegatives) {
  Matrix gate(1, 3, {-2.0f, 0.0f, 3.0f});
  const Matrix up(1, 3, {5.0f, 5.0f, 5.0f});
  GatedActivation(*context_, Activation::kRelu, up.view(), gate.view());
  EXPECT_THAT(gate.values(), ElementsAre(0.0f, 0.0f, 15.0f));
}

TEST_P(PointwiseTest, ActivationIsMultipliedByUp) {
  RandomData random;
  for (const int64_t size : {1, 7, 8, 9, 33}) {
    const Matrix up = random.Floats(2, size);
    Matrix gate(2, size,
                std::vector<float>(static_cast<size_t>(2 * size), 0.0f));
    for (float& value : gate.values()) value = 100.0f;  // silu(100) = 100.
    GatedActivation(*context_, Activation::kSilu, up.view(), gate.view());
    for (int64_t i = 0; i < 2 * size; ++i) {
      const auto index = static_cast<size_t>(i);
      EXPECT_EQ(gate.values()[index], 100.0f * up.values()[index]);
    }
  }
}

TEST_P(PointwiseTest, AddAddsEveryElement) {
  RandomData random;
  for (const int64_t cols : {1, 8, 13, 64, 10000}) {
    const Matrix y = random.Floats(3, cols);
    Matrix x = random.Floats(3, cols);
    std::vector<float> expected;
    for (size_t i = 0; i < x.values().size(); ++i) {
      expected.push_back(x.values()[i] + y.values()[i]);
    }
    Add(*context_, y.view(), x.view());
    EXPECT_THAT(x.values(), ElementsAreArray(expected));
  }
}

TEST_P(PointwiseTest, NoTokensAreFine) {
  Matrix none(0, 16);
  const std::vector<float> weight(16, 1.0f);
  Normalize(*context_, Rms(weight.data(), 1e-5f), none.view(), none.view());
  Add(*context_, none.view(), none.view());
  GatedActivation(*context_, Activation::kSilu, none.view(), none.view());
  Rotary(*context_, Matrix(0, 4).view(), Matrix(0, 4).view(), 8, none.view());
}

OUNCE_INSTANTIATE_ISA_TEST(PointwiseTest);

}  // namespace
}  // namespace ounce
