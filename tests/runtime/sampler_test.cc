#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Logits of ids 0 ... 3 with probabilities 0.2, 0.4, 0.1 and 0.3.
std::vector<float> Logits() {
  std::vector<float> logits;
  for (const double p : {0.2, 0.4, 0.1, 0.3}) {
    logits.push_back(static_cast<float>(std::log(p)));
  }
  return logits;
}

SamplerOptions Warm() {
  SamplerOptions options;
  options.temperature = 1.0;
  return options;
}

// Which ids come out of a thousand draws; one of probability 0.1 is missed with
// probability 0.9^1000 = 2e-46.
std::set<int32_t> Drawn(const SamplerOptions& options) {
  Sampler sampler(options);
  std::set<int32_t> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(*sampler.Sample(Logits(), {}));
  return ids;
}

int32_t Greedy(const std::vector<float>& logits,
               const std::vector<int32_t>& seen, double penalty) {
  SamplerOptions options;
  options.repetition_penalty = penalty;
  return *Sampler(options).Sample(logits, seen);
}

TEST(ArgMaxTest, TiesGoToTheLowestIndex) {
  EXPECT_EQ(ArgMax({1.0f, 3.0f, 3.0f, 2.0f}), 1);
  EXPECT_EQ(ArgMax({-5.0f, -5.0f}), 0);
}

TEST(SamplerTest, GreedyTakesTheMostProbableWithTiesToTheLowestId) {
  EXPECT_EQ(Greedy({0.5f, 2.0f, -1.0f, 2.0f}, {}, 1.0), 1);
}

TEST(SamplerTest, WithoutFiltersEveryTokenComesOut) {
  EXPECT_THAT(Drawn(Warm()), ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, TopKKeepsTheKMostProbable) {
  SamplerOptions options = Warm();
  options.top_k = 2;
  EXPECT_THAT(Drawn(options), ElementsAre(1, 3));
  options.top_k = 1;
  EXPECT_THAT(Drawn(options), ElementsAre(1));
  options.top_k = 99;
  EXPECT_THAT(Drawn(options), ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, TopKTiesGoToTheLowestIds) {
  SamplerOptions options = Warm();
  options.top_k = 2;
  Sampler sampler(options);
  std::set<int32_t> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.insert(*sampler.Sample({1.0f, 1.0f, 1.0f, 1.0f}, {}));
  }
  EXPECT_THAT(ids, ElementsAre(0, 1));
}

TEST(SamplerTest, TopPKeepsTheFewestThatSumToIt) {
  SamplerOptions options = Warm();
  options.top_p = 0.35;  // 0.4 alone is enough.
  EXPECT_THAT(Drawn(options), ElementsAre(1));
  options.top_p = 0.5;  // 0.4 is not, 0.4 + 0.3 is.
  EXPECT_THAT(Drawn(options), ElementsAre(1, 3));
  options.top_p = 0.85;  // 0.4 + 0.3 + 0.2 is.
  EXPECT_THAT(Drawn(options), ElementsAre(0, 1, 3));
}

TEST(SamplerTest, MinPKeepsThoseAboveAShareOfTheMostProbable) {
  SamplerOptions options = Warm();
  options.min_p = 0.6;  // 0.24: 0.4 and 0.3 stay.
  EXPECT_THAT(Drawn(options), ElementsAre(1, 3));
  options.min_p = 1.0;
  EXPECT_THAT(Drawn(options), ElementsAre(1));
}

TEST(SamplerTest, TopKComesBeforeTopP) {
  // The two most probable have 4/7 and 3/7 between them: 4/7 reaches 0.5, which
  // 0.4 of the whole would not.
  SamplerOptions options = Warm();
  options.top_k = 2;
  options.top_p = 0.5;
  EXPECT_THAT(Drawn(options), ElementsAre(1));
}

TEST(SamplerTest, TemperatureComesBeforeTopP) {
  // At 0.5 probabilities are squared: 0.04, 0.16, 0.01, 0.09 of 0.30; the first
  // has 0.53.
  SamplerOptions options = Warm();
  options.temperature = 0.5;
  options.top_p = 0.5;
  EXPECT_THAT(Drawn(options), ElementsAre(1));
}

TEST(SamplerTest, FrequenciesAreTheProbabilities) {
  constexpr int kDraws = 40000;
  const std::pair<double, std::vector<double>> cases[] = {
      {1.0, {0.2, 0.4, 0.1, 0.3}},
      {0.5, {4.0 / 30, 16.0 / 30, 1.0 / 30, 9.0 / 30}}};
  for (const auto& [temperature, probabilities] : cases) {
    SamplerOptions options = Warm();
    options.temperature = temperature;
    options.seed = 11;
    Sampler sampler(options);
    std::vector<int> counts(4);
    for (int i = 0; i < kDraws; ++i) {
      ++counts[static_cast<size_t>(*sampler.Sample(Logits(), {}))];
    }
    for (size_t id = 0; id < 4; ++id) {
      const double p = probabilities[id];
      // Five standard deviations of a binomial count.
      EXPECT_NEAR(counts[id], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)))
          << id;
    }
  }
}

TEST(SamplerTest, FilteredFrequenciesAreRenormalised) {
  SamplerOptions options = Warm();
  options.top_k = 2;
  Sampler sampler(options);
  int first = 0;
  for (int i = 0; i < 40000; ++i) {
    first += *sampler.Sample(Logits(), {}) == 1 ? 1 : 0;
  }
  const double p = 4.0 / 7.0;
  EXPECT_NEAR(first, 40000 * p, 5 * std::sqrt(40000 * p * (1 - p)));
}

TEST(SamplerTest, SameSeedGivesTheSameTokensAnotherSeedOthers) {
  const auto draw = [](uint64_t seed) {
    SamplerOptions options = Warm();
    options.seed = seed;
    Sampler sampler(options);
    std::vector<int32_t> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(*sampler.Sample(Logits(), {}));
    return ids;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
}

TEST(SamplerTest, PenaltyDividesPositiveAndMultipliesNegativeLogits) {
  // 2.0 / 1.5 = 1.33 falls behind 1.9; -1 * 2 = -2 behind -1.5.
  EXPECT_EQ(Greedy({2.0f, 1.9f}, {0}, 1.5), 1);
  EXPECT_EQ(Greedy({-1.0f, -1.5f}, {0}, 2.0), 1);
  EXPECT_EQ(Greedy({2.0f, 1.9f}, {}, 1.5), 0);
  // Below 1 it favours what was seen.
  EXPECT_EQ(Greedy({2.0f, 1.9f}, {1}, 0.5), 1);
}

TEST(SamplerTest, PenaltyAppliesOnceHoweverOftenATokenWasSeen) {
  // 4 / 2 = 2 stays ahead of 1.5; 4 / 2 / 2 would not.
  EXPECT_EQ(Greedy({4.0f, 1.5f}, {0, 0}, 2.0), 0);
}

TEST(SamplerTest, ReportsLogitsThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const double temperature : {0.0, 1.0}) {
      SamplerOptions options;
      options.temperature = temperature;
      EXPECT_THAT(Sampler(options).Sample({1.0f, bad}, {}),
                  StatusIs(absl::StatusCode::kDataLoss,
                           AllOf(HasSubstr("not finite"),
                                 HasSubstr("ounce inspect --check"))));
    }
  }
}

TEST(SamplerTest, ExtremeTemperaturesAndLogitsStayDefined) {
  SamplerOptions options;
  // The reciprocals of the last two are more than a float and a double hold.
  for (const double temperature : {1e-3, 1e-40, 1e-310}) {
    for (const double top_p : {1.0, 0.9}) {
      options.temperature = temperature;
      options.top_p = top_p;
      Sampler cold(options);
      for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(*cold.Sample({3e38f, -3e38f, 1.0f}, {}), 0);
        EXPECT_EQ(*cold.Sample({1.0f, 2.0f, 1.0f}, {}), 1);
      }
    }
  }
}

TEST(SamplerTest, ExtremePenaltiesStayDefined) {
  for (const double temperature : {0.0, 1.0}) {
    SamplerOptions options;
    options.temperature = temperature;
    options.repetition_penalty = 1e-300;
    Sampler sampler(options);
    EXPECT_EQ(*sampler.Sample({1.0f, 2.0f, 3.0f}, {0}), 0);
    options.repetition_penalty = 100;
    EXPECT_EQ(*Sampler(options).Sample({-3e38f, -1.0f, -3e38f}, {0, 2}), 1);
  }
}

TEST(CheckSamplerOptionsTest, NamesTheOptionThatIsOutOfRange) {
  const auto bad = [](auto member, auto value, const char* words) {
    SamplerOptions options;
    options.*member = value;
    EXPECT_THAT(CheckSamplerOptions(options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)));
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  bad(&SamplerOptions::temperature, -0.1, "temperature is -0.1");
  bad(&SamplerOptions::temperature, kNan, "temperature is nan");
  bad(&SamplerOptions::temperature, 101.0, "temperature is 101");
  bad(&SamplerOptions::top_k, int64_t{-1}, "top-k is -1");
  bad(&SamplerOptions::top_p, 0.0, "top-p is 0; expected above 0");
  bad(&SamplerOptions::top_p, 1.01, "top-p is 1.01");
  bad(&SamplerOptions::min_p, -0.5, "min-p is -0.5");
  bad(&SamplerOptions::min_p, 1.5, "min-p is 1.5");
  bad(&SamplerOptions::repetition_penalty, 0.0, "repetition-penalty is 0");
  bad(&SamplerOptions::repetition_penalty, kNan, "repetition-penalty is nan");
  EXPECT_OK(CheckSamplerOptions(SamplerOptions()));
}

// Over more candidates than are put in order at a time: 10,000 of which the
// r-th most probable has weight 0.999^r, in scrambled order.
TEST(SamplerTest, TopPOfALargeVocabularyKeepsThePrefixThatSumsToIt) {
  constexpr int kSize = 10'000;
  std::vector<float> logits(kSize);
  std::vector<int> rank_of(kSize);
  for (int rank = 0; rank < kSize; ++rank) {
    const auto id = static_cast<size_t>(rank * 7919 % kSize);
    rank_of[id] = rank;
    logits[id] = static_cast<float>(rank * std::log(0.999));
  }
  // 1 - 0.999^n >= p of a whole of nearly 1 (0.999^10000 is 5e-5).
  for (const auto& [top_p, kept] :
       {std::pair{0.03, 31}, {0.5, 693}, {0.9, 2302}, {0.99, 4601}}) {
    SamplerOptions options = Warm();
    options.top_p = top_p;
    Sampler sampler(options);
    int largest = 0;
    for (int i = 0; i < 1000; ++i) {
      const int32_t id = *sampler.Sample(logits, {});
      largest = std::max(largest, rank_of[static_cast<size_t>(id)]);
    }
    EXPECT_LE(largest, kept + 1) << top_p;
    // The last fifth of the kept has over 1.5 % of their weight: missed by all
    // draws with probability 3e-7.
    EXPECT_GE(largest, kept * 4 / 5 - 1) << top_p;
  }
}

}  // namespace
}  // namespace ounce
