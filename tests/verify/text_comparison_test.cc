#include "verify/text_comparison.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/reference_transformer.h"
#include "tests/util/status_matchers.h"
#include "tests/util/tiny_model.h"
#include "verify/divergence.h"

namespace ounce {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int32_t> Text(int64_t tokens) {
  Random random(4);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < tokens; ++i) {
    ids.push_back(static_cast<int32_t>(random.NextBelow(50)));
  }
  return ids;
}

TextOptions Options(int64_t context, int64_t score_from = 1) {
  TextOptions options;
  options.context = context;
  options.score_from = score_from;
  return options;
}

class CompareOnTextTest : public ::testing::Test {
 protected:
  absl::StatusOr<PredictionLoss> Compare(const std::vector<int32_t>& ids,
                                         const TextOptions& options) {
    return CompareOnText(float_model_.weights(), model_.weights(), ids, options,
                         &context_);
  }
  absl::StatusOr<PredictionLoss> CompareWithItself(
      const std::vector<int32_t>& ids, const TextOptions& options) {
    return CompareOnText(model_.weights(), model_.weights(), ids, options,
                         &context_);
  }
  void ExpectRefused(const std::vector<int32_t>& ids,
                     const TextOptions& options, const std::string& words) {
    EXPECT_THAT(Compare(ids, options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)));
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  TinyModel float_model_{TinySpec()};
  TinyModel model_{TinySpec(), Codec::kF32, /*seed=*/2};
};

TEST_F(CompareOnTextTest, ModelDoesNotDivergeFromItself) {
  ASSERT_OK_AND_ASSIGN(const PredictionLoss result,
                       CompareWithItself(Text(16 * 32), Options(16)));
  EXPECT_EQ(result.units, 32);
  EXPECT_EQ(result.tokens_scored, 32 * 15);
  EXPECT_EQ(result.kl.value, 0.0);
  EXPECT_EQ(*result.kl.high, 0.0);
  EXPECT_EQ(result.kl_percentiles.max, 0.0);
  EXPECT_EQ(result.same_top1.value, 1.0);
  EXPECT_EQ(result.ppl.value, result.ppl_float.value);
  EXPECT_EQ(result.ppl_ratio.value, 1.0);
  EXPECT_EQ(*result.ppl_ratio.low, 1.0);
  EXPECT_EQ(*result.ppl_ratio.high, 1.0);
}

// Each window on its own through the plain transformer, each position compared.
TEST_F(CompareOnTextTest, EqualsComparingEachWindowAndPosition) {
  constexpr int64_t kContext = 10;
  constexpr int64_t kScoreFrom = 4;
  const std::vector<int32_t> ids = Text(3 * kContext + 7);
  const ReferenceTransformer a(float_model_.spec(), float_model_.bound());
  const ReferenceTransformer b(model_.spec(), model_.bound());
  std::vector<double> kl;
  double kl_sum = 0, same = 0, nll_float = 0, nll = 0;
  for (int64_t w = 0; w < 3; ++w) {
    const auto first = ids.begin() + w * kContext;
    const std::vector<int32_t> window(first, first + kContext);
    const auto rows_a = a.Logits(window);
    const auto rows_b = b.Logits(window);
    for (size_t token = kScoreFrom; token < kContext; ++token) {
      const auto& p = rows_a[token - 1];
      const auto& q = rows_b[token - 1];
      const Divergence one =
          CompareLogits(std::vector<float>(p.begin(), p.end()),
                        std::vector<float>(q.begin(), q.end()), window[token]);
      kl.push_back(one.kl);
      kl_sum += one.kl;
      same += one.same_top1 ? 1 : 0;
      nll_float += one.nll_float;
      nll += one.nll;
    }
  }
  const double count = 3 * (kContext - kScoreFrom);
  ASSERT_OK_AND_ASSIGN(const PredictionLoss result,
                       Compare(ids, Options(kContext, kScoreFrom)));
  EXPECT_EQ(result.units, 3);
  EXPECT_EQ(result.tokens_scored, static_cast<int64_t>(count));
  EXPECT_EQ(result.same_top1.value, same / count);
  // Logits agree to 1e-5 of their largest, some tens (executor_test.cc).
  EXPECT_NEAR(result.kl.value / (kl_sum / count), 1.0, 1e-3);
  EXPECT_NEAR(result.ppl_float.value / std::exp(nll_float / count), 1.0, 1e-3);
  EXPECT_NEAR(result.ppl.value / std::exp(nll / count), 1.0, 1e-3);
  EXPECT_NEAR(result.ppl_ratio.value / std::exp((nll - nll_float) / count), 1.0,
              1e-3);
  std::sort(kl.begin(), kl.end());
  EXPECT_NEAR(result.kl_percentiles.p50 / Quantile(kl, 0.5), 1.0, 1e-3);
  EXPECT_NEAR(result.kl_percentiles.p90 / Quantile(kl, 0.9), 1.0, 1e-3);
  EXPECT_NEAR(result.kl_percentiles.p99 / Quantile(kl, 0.99), 1.0, 1e-3);
  EXPECT_NEAR(result.kl_percentiles.p999 / Quantile(kl, 0.999), 1.0, 1e-3);
  EXPECT_NEAR(result.kl_percentiles.max / kl.back(), 1.0, 1e-3);
}

// The same weights: the whole divergence is what the compressed model's keys
// and values cost, 8 bits more than 16.
TEST_F(CompareOnTextTest, KeysAndValuesOfFewerBitsCostMore) {
  const std::vector<int32_t> ids = Text(8 * 40);
  double last = 0.0;
  for (const KvType kv : {KvType::kF32, KvType::kF16, KvType::kInt8}) {
    TextOptions options = Options(8);
    options.kv = kv;
    ASSERT_OK_AND_ASSIGN(const PredictionLoss result,
                         CompareWithItself(ids, options));
    if (kv == KvType::kF32) {
      EXPECT_EQ(result.kl.value, 0.0);
    } else {
      EXPECT_GT(result.kl.value, last);
    }
    last = result.kl.value;
  }
}

TEST_F(CompareOnTextTest, IntervalsNeedThirtyWindows) {
  ASSERT_OK_AND_ASSIGN(const PredictionLoss few,
                       Compare(Text(4 * 29 + 3), Options(4)));
  EXPECT_EQ(few.units, 29);
  EXPECT_FALSE(few.kl.high.has_value());
  ASSERT_OK_AND_ASSIGN(const PredictionLoss enough,
                       Compare(Text(4 * 30), Options(4)));
  EXPECT_EQ(enough.units, 30);
  for (const Estimate& estimate :
       {enough.kl, enough.same_top1, enough.ppl_float, enough.ppl,
        enough.ppl_ratio}) {
    EXPECT_LE(*estimate.low, estimate.value);
    EXPECT_GE(*estimate.high, estimate.value);
  }
}

TEST_F(CompareOnTextTest, TakesTheFirstWindowsOnly) {
  TextOptions options = Options(8);
  options.max_windows = 2;
  std::vector<std::pair<int64_t, int64_t>> progress;
  options.progress = [&](int64_t done, int64_t total) {
    progress.emplace_back(done, total);
  };
  ASSERT_OK_AND_ASSIGN(const PredictionLoss first, Compare(Text(80), options));
  EXPECT_EQ(first.units, 2);
  EXPECT_THAT(progress, ElementsAre(std::pair(1, 2), std::pair(2, 2)));
  ASSERT_OK_AND_ASSIGN(const PredictionLoss alone,
                       Compare(Text(16), Options(8)));
  EXPECT_EQ(first.kl.value, alone.kl.value);
  options.max_windows = 99;  // More than there are.
  EXPECT_EQ(Compare(Text(80), options)->units, 10);
}

TEST_F(CompareOnTextTest, ThreadsChangeNothing) {
  ASSERT_OK_AND_ASSIGN(const PredictionLoss two,
                       Compare(Text(160), Options(40)));
  ThreadPool pool(1);
  KernelContext context(*ParseIsa("native"), &pool);
  ASSERT_OK_AND_ASSIGN(const PredictionLoss one,
                       CompareOnText(float_model_.weights(), model_.weights(),
                                     Text(160), Options(40), &context));
  EXPECT_EQ(one.kl.value, two.kl.value);
  EXPECT_EQ(one.ppl_ratio.value, two.ppl_ratio.value);
}

TEST_F(CompareOnTextTest, RefusesOptionsOutOfRange) {
  ExpectRefused(Text(100), Options(1), "context 1; expected 2 to 64");
  ExpectRefused(Text(100), Options(65), "context 65; expected 2 to 64");
  ExpectRefused(Text(100), Options(16, 0), "score-from 0; expected 1 to 15");
  ExpectRefused(Text(100), Options(16, 16), "score-from 16; expected 1 to 15");
  ExpectRefused(Text(15), Options(16),
                "the text has 15 tokens; expected at least one window of 16");
  EXPECT_OK(Compare(Text(16), Options(16, 15)));
}

TEST_F(CompareOnTextTest, RefusesModelsOfDifferentVocabularies) {
  ModelSpec spec = TinySpec();
  spec.vocab = 51;
  const TinyModel other(spec);
  EXPECT_THAT(CompareOnText(other.weights(), model_.weights(), Text(64),
                            Options(16), &context_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("vocabularies of 51 and 50")));
}

TEST_F(CompareOnTextTest, ReportsLogitsThatAreNotFinite) {
  for (TinyModel* broken : {&float_model_, &model_}) {
    uint8_t* weight = broken->source().MutableBytes("model.norm.weight");
    float kept;
    std::memcpy(&kept, weight, 4);
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(weight, &nan, 4);
    broken->Bind();
    EXPECT_THAT(Compare(Text(64), Options(16)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
    std::memcpy(weight, &kept, 4);
    broken->Bind();
  }
}

}  // namespace
}  // namespace ounce
