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
  RmsNorm(*context_, x.view(), weight, 0.0f, out.view());
  EXPECT_THAT(out.values(), ElementsAre(2.0f, 7.0f * 0.2f));
}

TEST_P(PointwiseTest, RmsNormIsWithinItsBound) {
  RandomData random;
  for (const int64_t width : {1, 7, 8, 64, 100, 4099}) {
    const Matrix x = random.Floats(3, width);
    const Matrix weight = random.Floats(1, width);
    Matrix out(3, width);
    RmsNorm(*context_, x.view(), weight.row(0), 1e-5f, out.view());
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
  RmsNorm(*context_, x.view(), weight.data(), 1e-6f, x.view());
  EXPECT_THAT(x.values(), ::testing::Each(0.0f));
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
      [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }, 1.0,
      1e-43);
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
  RmsNorm(*context_, none.view(), weight.data(), 1e-5f, none.view());
  Add(*context_, none.view(), none.view());
  GatedActivation(*context_, Activation::kSilu, none.view(), none.view());
  Rotary(*context_, Matrix(0, 4).view(), Matrix(0, 4).view(), 8, none.view());
}

OUNCE_INSTANTIATE_ISA_TEST(PointwiseTest);

}  // namespace
}  // namespace ounce
