#include "calibrate/input_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Channels of sizes and means of their own.
Matrix Inputs(int64_t tokens, int64_t channels, uint64_t seed) {
  Gaussian gaussian(seed);
  Matrix x(tokens, channels);
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t c = 0; c < channels; ++c) {
      x.row(t)[c] = static_cast<float>((1.0 + 0.1 * static_cast<double>(c)) *
                                       (gaussian.Next() + 0.5));
    }
  }
  return x;
}

// Adds `x`, cut before each of `cuts`.
InputStatistics Collect(const Matrix& x, const std::vector<int64_t>& cuts = {},
                        int threads = 2, bool second_moment = true) {
  ThreadPool pool(threads);
  KernelContext context(*ParseIsa("native"), &pool);
  InputStatisticsCollector collector(second_moment);
  int64_t begin = 0;
  for (const int64_t cut : cuts) {
    collector.Add(context, x.view().Rows(begin, cut));
    begin = cut;
  }
  collector.Add(context, x.view().Rows(begin, x.rows()));
  EXPECT_EQ(collector.tokens(), x.rows());
  return collector.Finish(context);
}

// A magnitude is up to the power of two above it.
TEST(MagnitudeHistogramTest, PercentilesWorkedByHand) {
  MagnitudeHistogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0.0);
  for (const float value : {3.0f, 0.0f, -1.0f, 0.3f}) histogram.Add(value);
  EXPECT_EQ(histogram.Percentile(0.25), 0.0);  // 0
  EXPECT_EQ(histogram.Percentile(0.26), 0.5);  // 0, 0.3
  EXPECT_EQ(histogram.Percentile(0.5), 0.5);
  EXPECT_EQ(histogram.Percentile(0.75), 2.0);  // ... and 1
  EXPECT_EQ(histogram.Percentile(0.76), 4.0);  // ... and 3
  EXPECT_EQ(histogram.Percentile(1.0), 4.0);
}

TEST(MagnitudeHistogramTest, HoldsTheSmallestAndTheLargestFloats) {
  MagnitudeHistogram histogram;
  histogram.Add(std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(histogram.Percentile(1.0), 0.0);
  histogram.Add(std::numeric_limits<float>::min());
  EXPECT_EQ(histogram.Percentile(1.0), 0x1p-125);
  histogram.Add(-std::numeric_limits<float>::max());
  EXPECT_EQ(histogram.Percentile(1.0), 0x1p128);
}

TEST(MagnitudeHistogramTest, APercentileIsExceededByNoMoreThanTheRest) {
  Gaussian gaussian(5);
  MagnitudeHistogram histogram;
  const std::vector<float> values = gaussian.Floats(5000, 20.0);
  for (const float value : values) histogram.Add(value);
  for (const double quantile : {0.01, 0.3, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double bound = histogram.Percentile(quantile);
    const auto within = [&](double limit) {
      return static_cast<double>(std::count_if(
                 values.begin(), values.end(),
                 [&](float v) { return std::abs(double{v}) < limit; })) /
             5000.0;
    };
    EXPECT_GE(within(bound), quantile);
    EXPECT_LT(within(bound / 2), quantile);
  }
}

TEST(InputStatisticsTest, EqualsPlainSums) {
  const int64_t tokens = 301, channels = 70;
  const Matrix x = Inputs(tokens, channels, 1);
  const InputStatistics statistics = Collect(x, {100, 101, 300});
  EXPECT_EQ(statistics.tokens, tokens);
  ASSERT_OK(CheckStatistics(statistics));
  for (int64_t i = 0; i < channels; ++i) {
    double sum = 0, abs_sum = 0;
    float largest = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      sum += double{x.row(t)[i]};
      abs_sum += std::abs(double{x.row(t)[i]});
      largest = std::max(largest, std::abs(x.row(t)[i]));
    }
    const auto c = static_cast<size_t>(i);
    EXPECT_NEAR(statistics.mean[c], sum / tokens, 1e-6 * abs_sum / tokens);
    EXPECT_NEAR(statistics.mean_abs[c], abs_sum / tokens,
                1e-6 * abs_sum / tokens);
    EXPECT_EQ(statistics.abs_max[c], largest);
  }
  const Matrix& moment = statistics.second_moment;
  ASSERT_EQ(moment.rows(), channels);
  ASSERT_EQ(moment.cols(), channels);
  for (int64_t i = 0; i < channels; ++i) {
    for (int64_t j = 0; j < channels; ++j) {
      double sum = 0, size = 0;
      for (int64_t t = 0; t < tokens; ++t) {
        const double product = double{x.row(t)[i]} * double{x.row(t)[j]};
        sum += product;
        size += std::abs(product);
      }
      EXPECT_NEAR(moment.row(i)[j], sum / tokens, 1e-5 * size / tokens);
      EXPECT_EQ(moment.row(i)[j], moment.row(j)[i]);
    }
  }
}

TEST(InputStatisticsTest, WindowsChangeNothingButRounding) {
  const Matrix x = Inputs(200, 65, 2);
  const InputStatistics one = Collect(x);
  const InputStatistics many = Collect(x, {1, 1, 50, 51, 199});
  EXPECT_EQ(one.tokens, many.tokens);
  EXPECT_EQ(one.abs_max, many.abs_max);
  for (const double quantile : {0.1, 0.5, 0.99, 1.0}) {
    EXPECT_EQ(one.magnitudes.Percentile(quantile),
              many.magnitudes.Percentile(quantile));
  }
  for (size_t c = 0; c < 65; ++c) {
    EXPECT_NEAR(one.mean[c], many.mean[c], 1e-6 * one.mean_abs[c]);
  }
  for (int64_t i = 0; i < 65; ++i) {
    for (int64_t j = 0; j < 65; ++j) {
      EXPECT_NEAR(one.second_moment.row(i)[j], many.second_moment.row(i)[j],
                  1e-5 * std::sqrt(one.second_moment.row(i)[i] *
                                   one.second_moment.row(j)[j]));
    }
  }
}

TEST(InputStatisticsTest, BitsAreTheSameForAnyNumberOfThreads) {
  const Matrix x = Inputs(130, 200, 3);
  const InputStatistics one = Collect(x, {64}, 1);
  const InputStatistics three = Collect(x, {64}, 3);
  EXPECT_EQ(one.mean, three.mean);
  EXPECT_EQ(one.mean_abs, three.mean_abs);
  EXPECT_EQ(one.abs_max, three.abs_max);
  EXPECT_EQ(std::memcmp(one.second_moment.values().data(),
                        three.second_moment.values().data(),
                        200 * 200 * sizeof(float)),
            0);
}

TEST(InputStatisticsTest, WithoutSecondMomentsHasAllTheRest) {
  const Matrix x = Inputs(50, 30, 4);
  const InputStatistics with = Collect(x);
  const InputStatistics without = Collect(x, {}, 2, false);
  EXPECT_EQ(without.second_moment.rows(), 0);
  EXPECT_EQ(without.mean, with.mean);
  EXPECT_EQ(without.mean_abs, with.mean_abs);
  EXPECT_EQ(without.abs_max, with.abs_max);
}

TEST(InputStatisticsTest, ACollectorStartsAnewAfterFinish) {
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  InputStatisticsCollector collector(true);
  collector.Add(context, Inputs(9, 5, 1).view());
  collector.Finish(context);
  EXPECT_EQ(collector.tokens(), 0);
  EXPECT_EQ(collector.Finish(context).tokens, 0);
  const Matrix x(2, 2, {1, 0, 3, 2});
  collector.Add(context, x.view());
  const InputStatistics statistics = collector.Finish(context);
  EXPECT_THAT(statistics.mean, ElementsAre(2.0f, 1.0f));
  EXPECT_THAT(statistics.abs_max, ElementsAre(3.0f, 2.0f));
  EXPECT_THAT(statistics.second_moment.values(),
              ElementsAre(5.0f, 3.0f, 3.0f, 2.0f));
  EXPECT_EQ(statistics.magnitudes.Percentile(1.0), 4.0);
}

TEST(CheckStatisticsTest, RefusesAnInputThatNoTokenReached) {
  EXPECT_THAT(CheckStatistics(Collect(Matrix(0, 3))),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no calibration token reached it")));
}

TEST(CheckStatisticsTest, NamesTheChannelOfAValueThatIsNoNumber) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    // First, in the middle, last: what follows must not hide it.
    for (const int64_t token : {0, 4, 8}) {
      Matrix x = Inputs(9, 70, 1);
      x.row(token)[66] = value;
      const InputStatistics statistics = Collect(x, {3}, 2, false);
      EXPECT_FALSE(std::isfinite(statistics.abs_max[66]));
      EXPECT_THAT(CheckStatistics(statistics),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           HasSubstr("NaN or infinite in channel 66")));
    }
  }
}

}  // namespace
}  // namespace ounce
