#include "verify/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/gaussian.h"
#include "tests/verify/golden_metrics.h"

namespace ounce {
namespace {

std::vector<double> Same(absl::Span<const double> means) {
  return {means.begin(), means.end()};
}

std::vector<double> Normal(int64_t count, uint64_t seed) {
  Gaussian gaussian(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(3 + 2 * gaussian.Next());
  return values;
}

TEST(QuantileTest, InterpolatesBetweenNeighbours) {
  // Position 0.25 * 2 = 0.5 lies halfway between 1 and 2; 0.9 * 2 = 1.8 at
  // 2 + 0.8 * (10 - 2).
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 10}, 0.25), 1.5);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 10}, 0.5), 2.0);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 10}, 0.9), 8.4);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 10}, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 10}, 1.0), 10.0);
  EXPECT_DOUBLE_EQ(Quantile({7}, 0.0), 7.0);
  EXPECT_DOUBLE_EQ(Quantile({7}, 0.999), 7.0);
}

TEST(QuantileTest, EqualsNumpy) {
  const Json golden = GoldenMetrics();
  const Json* list = golden.Find("quantiles_linear");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->AsArray()->size(), 2u);
  for (const Json& entry : *list->AsArray()) {
    std::vector<double> sorted = Numbers(*entry.Find("x"));
    std::sort(sorted.begin(), sorted.end());
    const std::vector<double> expected = Numbers(*entry.Find("q"));
    const double qs[] = {0, .01, .05, .25, .5, .75, .95, .99, 1};
    ASSERT_EQ(expected.size(), std::size(qs));
    for (size_t i = 0; i < expected.size(); ++i) {
      // numpy interpolates in another order: some roundings of 2^-53.
      EXPECT_NEAR(Quantile(sorted, qs[i]), expected[i], 1e-14);
    }
  }
}

TEST(PercentilesOfTest, AreQuantilesOfUnsortedValues) {
  // 0 ... 1000 in steps of 1: the quantile q is 1000 q.
  std::vector<double> values;
  for (int i = 0; i <= 1000; ++i) values.push_back((i * 8) % 1001);
  const Percentiles percentiles = PercentilesOf(&values);
  EXPECT_DOUBLE_EQ(percentiles.p50, 500);
  EXPECT_DOUBLE_EQ(percentiles.p90, 900);
  EXPECT_DOUBLE_EQ(percentiles.p99, 990);
  EXPECT_DOUBLE_EQ(percentiles.p999, 999);
  EXPECT_DOUBLE_EQ(percentiles.max, 1000);
  std::vector<double> none;
  EXPECT_EQ(PercentilesOf(&none).max, 0.0);
}

TEST(BootstrapMeansTest, ValueIsTheMetricOfTheMeans) {
  // Means 2 and 20; the metrics are their product and a constant.
  const std::vector<Estimate> estimates =
      BootstrapMeans({1, 10, 2, 20, 3, 30}, 2, [](absl::Span<const double> m) {
        return std::vector<double>{m[0] * m[1], 5.0};
      });
  ASSERT_EQ(estimates.size(), 2u);
  EXPECT_DOUBLE_EQ(estimates[0].value, 40.0);
  EXPECT_DOUBLE_EQ(estimates[1].value, 5.0);
}

TEST(BootstrapMeansTest, GivesNoIntervalBelowThirtyRows) {
  const Estimate few = BootstrapMeans(Normal(29, 1), 1, Same)[0];
  EXPECT_FALSE(few.low.has_value());
  EXPECT_FALSE(few.high.has_value());
  const Estimate enough = BootstrapMeans(Normal(30, 1), 1, Same)[0];
  EXPECT_TRUE(enough.low.has_value());
  EXPECT_TRUE(enough.high.has_value());
}

TEST(BootstrapMeansTest, RowsAreCountedNotNumbers) {
  EXPECT_FALSE(BootstrapMeans(Normal(58, 1), 2, Same)[0].low.has_value());
  EXPECT_TRUE(BootstrapMeans(Normal(60, 1), 2, Same)[0].low.has_value());
}

TEST(BootstrapMeansTest, ConstantRowsHaveAnIntervalOfNoWidth) {
  const Estimate estimate =
      BootstrapMeans(std::vector<double>(50, 0.25), 1, Same)[0];
  EXPECT_EQ(estimate.value, 0.25);
  EXPECT_EQ(*estimate.low, 0.25);
  EXPECT_EQ(*estimate.high, 0.25);
}

TEST(BootstrapMeansTest, IntervalIsThatOfTheStandardError) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    const std::vector<double> values = Normal(400, seed);
    double mean = 0, square = 0;
    for (const double value : values) mean += value / 400;
    for (const double value : values) {
      square += (value - mean) * (value - mean) / 400;
    }
    const double standard_error = std::sqrt(square / 400);
    const Estimate estimate = BootstrapMeans(values, 1, Same)[0];
    EXPECT_NEAR(estimate.value, mean, 1e-12);
    EXPECT_LT(*estimate.low, estimate.value);
    EXPECT_GT(*estimate.high, estimate.value);
    // 95 % of a normal distribution lie within 1.96 standard errors.  With
    // 2,000 draws a 2.5 % quantile is known to about sqrt(0.025 * 0.975 / 2000)
    // / density(1.96) = 0.06 standard errors; three times that.
    EXPECT_NEAR((mean - *estimate.low) / standard_error, 1.96, 0.18);
    EXPECT_NEAR((*estimate.high - mean) / standard_error, 1.96, 0.18);
  }
}

TEST(BootstrapMeansTest, DrawsAreTheSameForAllColumns) {
  // The second column is the first plus 1 in every row: so is every mean.
  std::vector<double> rows;
  for (const double value : Normal(40, 5)) {
    rows.push_back(value);
    rows.push_back(value + 1);
  }
  const Estimate difference =
      BootstrapMeans(rows, 2, [](absl::Span<const double> means) {
        return std::vector<double>{means[1] - means[0]};
      })[0];
  // Rounding of sums of 40 numbers.
  EXPECT_NEAR(*difference.low, 1.0, 1e-13);
  EXPECT_NEAR(*difference.high, 1.0, 1e-13);
}

TEST(BootstrapMeansTest, IsDeterministic) {
  const std::vector<double> values = Normal(64, 6);
  const Estimate a = BootstrapMeans(values, 1, Same)[0];
  const Estimate b = BootstrapMeans(values, 1, Same)[0];
  EXPECT_EQ(*a.low, *b.low);
  EXPECT_EQ(*a.high, *b.high);
}

}  // namespace
}  // namespace ounce
