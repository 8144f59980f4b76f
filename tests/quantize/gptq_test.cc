#include "quantize/gptq.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "absl/status/status.h"
#include "core/packing/codec.h"
#include "core/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "quantize/round_to_nearest.h"
#include "tests/quantize/correlated.h"
#include "tests/quantize/restore.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

// Plain GPTQ without damping.
constexpr GptqOptions kPlain = {0.0, false, 0};
constexpr QuantizeOptions kInt4 = {Codec::kInt4, 32, ScaleMethod::kAbsMax};

// Every codec there is to quantise to.
std::vector<QuantizeOptions> AllOptions() {
  std::vector<QuantizeOptions> all;
  for (const CodecInfo& info : AllCodecs()) {
    if (!info.quantized) continue;
    for (const int64_t group_size : {32, 128}) {
      for (const ScaleMethod scale :
           {ScaleMethod::kAbsMax, ScaleMethod::kLeastSquares}) {
        all.push_back({info.codec, info.grouped ? group_size : 0, scale});
      }
      if (!info.grouped) break;
    }
  }
  return all;
}

absl::StatusOr<GptqResult> Quantize(const Matrix& weight, const Matrix& hessian,
                                    const QuantizeOptions& quantize,
                                    const GptqOptions& options,
                                    int num_threads = 1) {
  ThreadPool pool(num_threads);
  KernelContext context(SupportedIsas().back(), &pool);
  absl::StatusOr<GptqSolver> solver =
      GptqSolver::Create(context, hessian.view(), options);
  if (!solver.ok()) return solver.status();
  return solver->Quantize(weight.view(), quantize);
}

Matrix RandomWeight(int64_t rows, int64_t cols, uint64_t seed) {
  return Matrix(rows, cols, Gaussian(seed).Floats(rows * cols));
}

Matrix Difference(const Matrix& weight, const QuantizedMatrix& quantized) {
  const std::vector<float> restored = Restore(quantized);
  Matrix difference = weight;
  for (size_t i = 0; i < restored.size(); ++i) {
    difference.values()[i] -= restored[i];
  }
  return difference;
}

// One group of four columns whose largest weight is -8, so that the scale is
// exactly 1 and codes can be read as rounded weights.
const Matrix& Weight() {
  static const Matrix& weight = *new Matrix(1, 4, {1.4f, 1.4f, -8.0f, 0.0f});
  return weight;
}

// Identity, except that columns 0 and 1 have covariance `c`.
Matrix HessianWithCovariance(float c) {
  return Matrix(4, 4, {1, c, 0, 0, c, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
}

TEST(GptqTest, RoundsToNearestWhenColumnsAreUncorrelated) {
  ASSERT_OK_AND_ASSIGN(
      const GptqResult result,
      Quantize(Weight(), HessianWithCovariance(0.0f), kInt4, kPlain));
  EXPECT_THAT(result.quantized.weight.codes, ElementsAre(1, 1, -8, 0));
  EXPECT_NEAR(result.error_after, 0.4 * 0.4 + 0.4 * 0.4, 1e-6);
  EXPECT_EQ(result.error_before, result.error_after);
}

TEST(GptqTest, PushesRoundingErrorOntoCorrelatedColumn) {
  // Column 0 rounds 1.4 down to 1.  Its error 0.4 moves 0.9 * 0.4 = 0.36 onto
  // column 1, which becomes 1.76 and rounds up to 2.  Output error:
  // 0.4^2 + 0.6^2 - 2 * 0.9 * 0.4 * 0.6 = 0.088; plain rounding gives 0.608.
  ASSERT_OK_AND_ASSIGN(
      const GptqResult result,
      Quantize(Weight(), HessianWithCovariance(0.9f), kInt4, kPlain));
  EXPECT_THAT(result.quantized.weight.codes, ElementsAre(1, 2, -8, 0));
  EXPECT_NEAR(result.error_after, 0.088, 1e-6);
  EXPECT_NEAR(result.error_before, 0.608, 1e-6);
}

TEST(GptqTest, ActOrderBeginsWithTheLargestDiagonal) {
  // Column 1 is four times as large and rounds 1.4 down first; the covariance
  // 1.8 moves 1.8 * 0.4 = 0.72 onto column 0.
  Matrix hessian = HessianWithCovariance(1.8f);
  hessian.row(1)[1] = 4.0f;
  GptqOptions options = kPlain;
  options.act_order = true;
  ASSERT_OK_AND_ASSIGN(const GptqResult result,
                       Quantize(Weight(), hessian, kInt4, options));
  EXPECT_THAT(result.quantized.weight.codes, ElementsAre(2, 1, -8, 0));
  // 0.6^2 + 4 * 0.4^2 - 2 * 1.8 * 0.6 * 0.4
  EXPECT_NEAR(result.error_after, 0.136, 1e-6);
}

// Algorithm 1 of arXiv:2210.17323 in f64, column by column, for scales that are
// given: codes of one row.
std::vector<int> PaperCodes(const Matrix& hessian, const float* weight,
                            double damping, float scale) {
  const int64_t n = hessian.rows();
  const auto at = [n](int64_t i, int64_t j) {
    return static_cast<size_t>(i * n + j);
  };
  std::vector<double> inverse(static_cast<size_t>(n * n));
  std::vector<double> a(inverse.size());
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) a[at(i, j)] = double{hessian.row(i)[j]};
    a[at(i, i)] *= 1.0 + damping;
    inverse[at(i, i)] = 1.0;
  }
  for (int64_t p = 0; p < n; ++p) {  // Gauss and Jordan's elimination.
    const double pivot = a[at(p, p)];
    for (int64_t j = 0; j < n; ++j) {
      a[at(p, j)] /= pivot;
      inverse[at(p, j)] /= pivot;
    }
    for (int64_t i = 0; i < n; ++i) {
      const double factor = i == p ? 0.0 : a[at(i, p)];
      for (int64_t j = 0; j < n; ++j) {
        a[at(i, j)] -= factor * a[at(p, j)];
        inverse[at(i, j)] -= factor * inverse[at(p, j)];
      }
    }
  }
  // Rows of the upper Cholesky factor of the inverse, one elimination a column.
  std::vector<double> w(weight, weight + n);
  std::vector<int> codes;
  for (int64_t j = 0; j < n; ++j) {
    const double wanted = std::nearbyint(w[static_cast<size_t>(j)] / scale);
    codes.push_back(static_cast<int>(std::clamp(wanted, -8.0, 7.0)));
    const double error =
        w[static_cast<size_t>(j)] - double{scale} * codes.back();
    for (int64_t k = j + 1; k < n; ++k) {
      const double share = inverse[at(j, k)] / inverse[at(j, j)];
      w[static_cast<size_t>(k)] -= error * share;
      for (int64_t l = j + 1; l < n; ++l) {
        inverse[at(k, l)] -= share * inverse[at(j, l)];
      }
    }
  }
  return codes;
}

TEST(GptqTest, GivesTheCodesOfThePapersAlgorithm) {
  // 150 columns: two blocks.  One group, so that its scale can be read.
  constexpr int64_t kCols = 150;
  const Matrix hessian = CorrelatedHessian(kCols, 200, 11);
  const Matrix weight = RandomWeight(6, kCols, 12);
  GptqOptions options = kPlain;
  options.damping = 0.01;
  const QuantizeOptions whole_row = {Codec::kInt4, 0, ScaleMethod::kAbsMax};
  ASSERT_OK_AND_ASSIGN(const GptqResult result,
                       Quantize(weight, hessian, whole_row, options));
  const QuantizedMatrix& quantized = result.quantized.weight;
  int64_t others = 0;
  for (int64_t row = 0; row < weight.rows(); ++row) {
    const std::vector<int> codes =
        PaperCodes(hessian, weight.row(row), options.damping,
                   quantized.scales[static_cast<size_t>(row)]);
    for (int64_t c = 0; c < kCols; ++c) {
      others += codes[static_cast<size_t>(c)] !=
                quantized.codes[static_cast<size_t>(row * kCols + c)];
    }
  }
  EXPECT_EQ(others, 0);
}

TEST(GptqTest, ErrorsAreThoseOfTheCodesReturned) {
  const Matrix hessian = CorrelatedHessian(140, 300, 13);
  const Matrix weight = RandomWeight(10, 140, 14);
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, options, {}));
    const double expected =
        QuadraticError(Difference(weight, result.quantized.weight), hessian);
    EXPECT_NEAR(result.error_after, expected, 1e-4 * expected)
        << GetCodecInfo(options.codec).name;
    if (options.scale == ScaleMethod::kLeastSquares) continue;
    // absmax starts from round-to-nearest itself.
    ASSERT_OK_AND_ASSIGN(const QuantizeResult rounded,
                         QuantizeRoundToNearest(weight.view(), options));
    const double before =
        QuadraticError(Difference(weight, rounded.weight), hessian);
    EXPECT_NEAR(result.error_before, before, 1e-4 * before)
        << GetCodecInfo(options.codec).name;
  }
}

TEST(GptqTest, LosesFarLessThanRoundToNearestOnCorrelatedInputs) {
  const Matrix hessian = CorrelatedHessian(256, 512, 15);
  const Matrix weight = RandomWeight(32, 256, 16);
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, options, {}));
    EXPECT_LT(result.error_after, 0.4 * result.error_before)
        << GetCodecInfo(options.codec).name;
  }
}

TEST(GptqTest, RefinementNeverRaisesTheErrorAndLowersItAtFirst) {
  const Matrix hessian = CorrelatedHessian(256, 512, 17);
  const Matrix weight = RandomWeight(16, 256, 18);
  for (const QuantizeOptions& options : AllOptions()) {
    double last = std::numeric_limits<double>::infinity();
    for (const int sweeps : {0, 1, 2, 5}) {
      GptqOptions gptq;
      gptq.refine_sweeps = sweeps;
      ASSERT_OK_AND_ASSIGN(const GptqResult result,
                           Quantize(weight, hessian, options, gptq));
      if (sweeps == 1) {
        EXPECT_LT(result.error_after, last);
      }
      EXPECT_LE(result.error_after, last * (1 + 1e-5))
          << GetCodecInfo(options.codec).name << " sweeps " << sweeps;
      last = result.error_after;
    }
  }
}

// Scales fit what the codec stores: packed and read back, nothing changes.
TEST(GptqTest, RefinedScalesAreStoredExactly) {
  const Matrix hessian = CorrelatedHessian(128, 200, 19);
  const Matrix weight = RandomWeight(20, 128, 20);
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, options, {}));
    const QuantizedMatrix& quantized = result.quantized.weight;
    const CodecInfo& codec = GetCodecInfo(options.codec);
    std::vector<uint8_t> bytes(static_cast<size_t>(
        *PackedBytes(options.codec, 20, 128, options.group_size)));
    codec.pack(quantized, bytes.data());
    std::vector<float> unpacked(20 * 128);
    codec.unpack_rows({options.codec, 20, 128, options.group_size, bytes.data(),
                       static_cast<int64_t>(bytes.size())},
                      0, 20, unpacked.data());
    EXPECT_THAT(unpacked, ElementsAreArray(Restore(quantized))) << codec.name;
  }
}

// 300 rows make three tasks, 200 columns two blocks.
TEST(GptqTest, ThreadsDoNotChangeTheResult) {
  const Matrix hessian = CorrelatedHessian(200, 300, 21);
  const Matrix weight = RandomWeight(300, 200, 22);
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult one,
                         Quantize(weight, hessian, options, {}, 1));
    ASSERT_OK_AND_ASSIGN(const GptqResult three,
                         Quantize(weight, hessian, options, {}, 3));
    EXPECT_EQ(one.quantized.weight.codes, three.quantized.weight.codes);
    EXPECT_EQ(one.quantized.weight.scales, three.quantized.weight.scales);
    EXPECT_EQ(one.error_after, three.error_after);
    EXPECT_EQ(one.error_before, three.error_before);
  }
}

TEST(GptqTest, TheSizeOfTheHessianChangesOnlyTheErrors) {
  const Matrix hessian = CorrelatedHessian(64, 100, 23);
  const Matrix weight = RandomWeight(8, 64, 24);
  ASSERT_OK_AND_ASSIGN(const GptqResult result,
                       Quantize(weight, hessian, kInt4, {}));
  for (const float factor : {0x1p-80f, 0x1p60f}) {
    Matrix scaled = hessian;
    for (float& value : scaled.values()) value *= factor;
    ASSERT_OK_AND_ASSIGN(const GptqResult other,
                         Quantize(weight, scaled, kInt4, {}));
    EXPECT_EQ(other.quantized.weight.codes, result.quantized.weight.codes);
    EXPECT_EQ(other.error_after, result.error_after * double{factor});
  }
}

// A channel of inputs a thousand times as large, as models have them, leaves
// the others' compensation alone.
TEST(GptqTest, OneLargeChannelDoesNotDampTheOthers) {
  Matrix hessian = CorrelatedHessian(128, 300, 28);
  Matrix weight = RandomWeight(16, 128, 29);
  ASSERT_OK_AND_ASSIGN(const GptqResult result,
                       Quantize(weight, hessian, kInt4, {0.01, true, 0}));
  // Its weights are 0, a code of every scale: nothing is lost there.
  for (int64_t i = 0; i < 128; ++i) {
    hessian.row(5)[i] *= 1000.0f;
    hessian.row(i)[5] *= 1000.0f;
  }
  for (int64_t row = 0; row < 16; ++row) weight.row(row)[5] = 0.0f;
  ASSERT_OK_AND_ASSIGN(const GptqResult large,
                       Quantize(weight, hessian, kInt4, {0.01, true, 0}));
  EXPECT_LT(large.error_after, 2.0 * result.error_after);
}

TEST(GptqTest, DeadChannelsBecomeZero) {
  Matrix hessian = CorrelatedHessian(64, 100, 25);
  for (const int64_t dead : {0, 33, 63}) {
    for (int64_t i = 0; i < 64; ++i) {
      hessian.row(dead)[i] = hessian.row(i)[dead] = 0.0f;
    }
  }
  Matrix weight = RandomWeight(4, 64, 26);
  // Far larger than what is alive: it must not choose the scale either.
  weight.row(0)[33] = 1000.0f;
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, options, {0.0, true, 2}));
    const std::vector<float> restored = Restore(result.quantized.weight);
    for (const size_t dead : {0u, 33u, 63u}) {
      EXPECT_EQ(restored[dead], 0.0f) << GetCodecInfo(options.codec).name;
    }
    EXPECT_LT(std::abs(restored[1] - weight.row(0)[1]), 1.0f);
  }
}

TEST(GptqTest, ZerosFlatRampsAndOutliersStayFinite) {
  Matrix weight(4, 96);
  for (int64_t c = 0; c < 96; ++c) {
    weight.row(1)[c] = 0.37f;
    weight.row(2)[c] = 0.01f * static_cast<float>(c - 40);
    weight.row(3)[c] = c == 50 ? 100.0f : 0.01f * static_cast<float>(c % 7);
  }
  const Matrix hessian = CorrelatedHessian(96, 200, 27);
  for (const QuantizeOptions& options : AllOptions()) {
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, options, {}));
    const std::vector<float> restored = Restore(result.quantized.weight);
    EXPECT_THAT(std::vector<float>(restored.begin(), restored.begin() + 96),
                Each(0.0f));
    EXPECT_TRUE(
        std::isfinite(std::accumulate(restored.begin(), restored.end(), 0.0f)));
    EXPECT_LE(result.error_after, result.error_before);
    // The flat row is met: one of its codes' multiples is as near as f16 is.
    EXPECT_NEAR(restored[100], 0.37f, 0.02f);
  }
}

// All codes of one row of three, for the scale that GPTQ began with.
double BruteForceError(const Matrix& weight, const Matrix& hessian,
                       float scale) {
  double best = std::numeric_limits<double>::infinity();
  Matrix error = weight;
  for (int codes = 0; codes < 16 * 16 * 16; ++codes) {
    for (int c = 0; c < 3; ++c) {
      const int code = (codes >> (4 * c)) % 16 - 8;
      error.row(0)[c] = weight.row(0)[c] - scale * static_cast<float>(code);
    }
    best = std::min(best, QuadraticError(error, hessian));
  }
  return best;
}

TEST(GptqTest, ComesNearTheBestCodesThereAre) {
  double best = 0.0;
  double refined = 0.0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Matrix hessian = CorrelatedHessian(3, 20, seed);
    const Matrix weight = RandomWeight(1, 3, seed + 100);
    ASSERT_OK_AND_ASSIGN(const GptqResult result,
                         Quantize(weight, hessian, kInt4, {1e-4, true, 3}));
    ASSERT_OK_AND_ASSIGN(const QuantizeResult rounded,
                         QuantizeRoundToNearest(weight.view(), kInt4));
    best += BruteForceError(weight, hessian, rounded.weight.scales[0]);
    refined += result.error_after;
  }
  EXPECT_LE(refined, 1.1 * best);
}

TEST(GptqTest, ReportsSingularHessianInsteadOfReturningNan) {
  EXPECT_THAT(
      Quantize(Weight(), HessianWithCovariance(1.0f), kInt4, kPlain).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("not positive definite")));
  EXPECT_THAT(Quantize(Weight(), Matrix(4, 4), kInt4, {}).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("not positive definite")));
  Matrix negative = HessianWithCovariance(0.0f);
  negative.row(2)[2] = -1.0f;
  EXPECT_THAT(
      Quantize(Weight(), negative, kInt4, {}).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("column 2")));
}

TEST(GptqTest, ReportsHessiansThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(
        Quantize(Weight(), HessianWithCovariance(bad), kInt4, {}).status(),
        StatusIs(absl::StatusCode::kFailedPrecondition,
                 HasSubstr("not finite")));
  }
}

TEST(GptqTest, ChecksShapesAndOptions) {
  const Matrix hessian = HessianWithCovariance(0.0f);
  EXPECT_THAT(
      Quantize(Matrix(1, 5), hessian, kInt4, {}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("5 columns")));
  EXPECT_THAT(Quantize(Weight(), Matrix(4, 3), kInt4, {}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 x 3")));
  EXPECT_THAT(
      Quantize(Weight(), hessian, kInt4, {-1.0, true, 1}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("damping")));
  EXPECT_THAT(
      Quantize(Weight(), hessian, kInt4, {0.01, true, -1}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("refine_sweeps")));
}

TEST(GptqTest, ReportsScalesBeyondF16AsRoundToNearestDoes) {
  Matrix weight = Weight();
  weight.row(0)[2] = -1e6f;
  EXPECT_THAT(
      Quantize(weight, HessianWithCovariance(0.0f), kInt4, {}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("largest f16")));
}

}  // namespace
}  // namespace ounce
