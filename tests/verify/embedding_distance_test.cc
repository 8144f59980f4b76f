#include "verify/embedding_distance.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"
#include "tests/verify/golden_metrics.h"
#include "tests/verify/tiny_encoders.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

TEST(CosineSimilarityTest, IsWorkedByHand) {
  // 3 * 4 / (5 * 4) and the ends.
  EXPECT_DOUBLE_EQ(CosineSimilarity({3, 4}, {4, 0}), 0.6);
  EXPECT_DOUBLE_EQ(CosineSimilarity({1, 2}, {-2, -4}), -1.0);
  EXPECT_DOUBLE_EQ(CosineSimilarity({1, 0}, {0, 9}), 0.0);
  EXPECT_EQ(CosineSimilarity({0, 0}, {0, 0}), 1.0);
  EXPECT_EQ(CosineSimilarity({0, 0}, {1, 0}), 0.0);
  // Squares that leave the range of f32; the numbers are rounded to it.
  EXPECT_NEAR(CosineSimilarity({3e30f, 4e30f}, {4e30f, 0}), 0.6, 1e-7);
}

TEST(CosineSimilarityTest, EqualsScipy) {
  const Json golden = GoldenMetrics();
  const Json* entry = golden.Find("correlation");
  ASSERT_NE(entry, nullptr);
  std::vector<float> a, b;
  for (const double x : Numbers(*entry->Find("a"))) {
    a.push_back(static_cast<float>(x));
  }
  for (const double x : Numbers(*entry->Find("b"))) {
    b.push_back(static_cast<float>(x));
  }
  // The inputs are rounded to f32.
  EXPECT_NEAR(CosineSimilarity(a, b),
              *entry->Find("cosine_similarity")->AsDouble(), 1e-7);
}

class CompareEmbeddingsTest : public ::testing::Test {
 protected:
  absl::StatusOr<EmbeddingLoss> Compare(const TinyModel& a, const TinyModel& b,
                                        absl::Span<const TextLine> lines) {
    return CompareEmbeddings(
        {{a.weights(), b.weights()}, tokenizer_, &context_}, lines, options_);
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const LetterTokenizer tokenizer_;
  const LineOptions options_ = {.context = 64};
};

TEST_F(CompareEmbeddingsTest, ModelIsNoDistanceFromItself) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kNone));
  ASSERT_OK_AND_ASSIGN(const EmbeddingLoss loss,
                       Compare(model, model, AsTextLines(LetterLines(30))));
  EXPECT_EQ(loss.lines, 30);
  // 1 - x.x / sqrt(x.x x.x) is a rounding of 2^-53 at most.
  EXPECT_NEAR(loss.cosine_distance.value, 0.0, 1e-15);
  EXPECT_NEAR(*loss.cosine_distance.high, 0.0, 1e-15);
  EXPECT_EQ(loss.similarity_change.value, 0.0);
}

// Both poolings; vectors and cosines computed here.
TEST_F(CompareEmbeddingsTest, EqualsComparingTheVectorsOfEachLine) {
  for (const Pooling pooling : {Pooling::kFirst, Pooling::kMean}) {
    ModelSpec spec = TinyEncoderSpec(HeadKind::kNone);
    spec.pooling = pooling;
    const TinyModel a(spec);
    const TinyModel b(spec, Codec::kF32, 2);
    const std::vector<std::string> texts = LetterLines(33);
    const auto vector = [&](const TinyModel& model, const std::string& text) {
      const Matrix hidden =
          HiddenOf(model.weights(), &context_, *tokenizer_.Encode(text, true));
      std::vector<double> sum(24);
      const int64_t rows = pooling == Pooling::kFirst ? 1 : hidden.rows();
      for (int64_t t = 0; t < rows; ++t) {
        for (size_t i = 0; i < 24; ++i) sum[i] += hidden.row(t)[i];
      }
      return sum;
    };
    const auto cosine = [](const std::vector<double>& x,
                           const std::vector<double>& y) {
      double xy = 0, xx = 0, yy = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        xy += x[i] * y[i];
        xx += x[i] * x[i];
        yy += y[i] * y[i];
      }
      return xy / std::sqrt(xx) / std::sqrt(yy);
    };
    std::vector<double> distances;
    double distance = 0, change = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      distances.push_back(1 - cosine(vector(a, texts[i]), vector(b, texts[i])));
      distance += distances.back() / 33;
      if (i == 0) continue;
      change += std::abs(cosine(vector(a, texts[i]), vector(a, texts[i - 1])) -
                         cosine(vector(b, texts[i]), vector(b, texts[i - 1]))) /
                32;
    }
    ASSERT_OK_AND_ASSIGN(const EmbeddingLoss loss,
                         Compare(a, b, AsTextLines(texts)));
    // Pooled vectors are rounded to f32.
    EXPECT_NEAR(loss.cosine_distance.value, distance, 1e-6);
    EXPECT_NEAR(loss.similarity_change.value, change, 1e-6);
    std::sort(distances.begin(), distances.end());
    EXPECT_NEAR(loss.distance_percentiles.p90, Quantile(distances, 0.9), 1e-6);
    EXPECT_NEAR(loss.distance_percentiles.max, distances.back(), 1e-6);
    EXPECT_LT(*loss.cosine_distance.low, loss.cosine_distance.value);
    EXPECT_GT(*loss.similarity_change.high, loss.similarity_change.value);
  }
}

// 8 bits move vectors less than 4 do.
TEST_F(CompareEmbeddingsTest, FewerBitsAreFartherAway) {
  const ModelSpec spec = TinyEncoderSpec(HeadKind::kNone);
  const TinyModel a(spec);
  const TinyModel int8(spec, Codec::kInt8);
  const TinyModel int4(spec, Codec::kInt4);
  const std::vector<std::string> texts = LetterLines(30);
  ASSERT_OK_AND_ASSIGN(const EmbeddingLoss less,
                       Compare(a, int8, AsTextLines(texts)));
  ASSERT_OK_AND_ASSIGN(const EmbeddingLoss more,
                       Compare(a, int4, AsTextLines(texts)));
  EXPECT_GT(less.cosine_distance.value, 0.0);
  EXPECT_GT(*more.cosine_distance.low, *less.cosine_distance.high);
  EXPECT_GT(more.similarity_change.value, less.similarity_change.value);
}

TEST_F(CompareEmbeddingsTest, OneLineHasNoNeighbour) {
  const TinyModel a(TinyEncoderSpec(HeadKind::kNone));
  const TinyModel b(TinyEncoderSpec(HeadKind::kNone), Codec::kF32, 2);
  ASSERT_OK_AND_ASSIGN(const EmbeddingLoss loss,
                       Compare(a, b, AsTextLines({"ab"})));
  EXPECT_GT(loss.cosine_distance.value, 0.0);
  EXPECT_FALSE(loss.cosine_distance.high.has_value());
  EXPECT_EQ(loss.similarity_change.value, 0.0);
}

TEST_F(CompareEmbeddingsTest, ReportsStatesThatAreNotFinite) {
  TinyModel model(TinyEncoderSpec(HeadKind::kNone));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(model.source().MutableBytes("model.norm.weight"), &nan, 4);
  model.Bind();
  EXPECT_THAT(Compare(model, model, AsTextLines({"ab"})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
}

}  // namespace
}  // namespace ounce
