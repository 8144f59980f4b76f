#include "verify/masked_language_model.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/sampler.h"
#include "tests/util/status_matchers.h"
#include "tests/verify/tiny_encoders.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;

class CompareMaskedPredictionsTest : public ::testing::Test {
 protected:
  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const LetterTokenizer tokenizer_;
  const LineOptions options_ = {.context = 64};
};

TEST_F(CompareMaskedPredictionsTest, EqualsComparingEachTokenOfEachLine) {
  const ModelSpec spec = TinyEncoderSpec(HeadKind::kLanguageModel);
  const TinyModel a(spec);
  const TinyModel b(spec, Codec::kF32, 2);
  // One line is longer than the rows of logits that are held at a time.
  std::vector<std::string> texts = LetterLines(34);
  texts.push_back(std::string(50, 'q') + "rst");
  double kl = 0, same = 0, count = 0;
  for (const std::string& text : texts) {
    const std::vector<int32_t> ids = *tokenizer_.Encode(text, true);
    const auto logits = [&](const TinyModel& model) {
      const Matrix hidden = HiddenOf(model.weights(), &context_, ids);
      Matrix out(hidden.rows(), spec.vocab);
      Heads(model.weights(), &context_).Logits(hidden.view(), out.view());
      return out;
    };
    const Matrix p = logits(a);
    const Matrix q = logits(b);
    // All but the beginning, which is special.
    for (int64_t t = 1; t < p.rows(); ++t) {
      kl += PlainKl(RowOf(p, t), RowOf(q, t));
      same += ArgMax(RowOf(p, t)) == ArgMax(RowOf(q, t)) ? 1 : 0;
      count += 1;
    }
  }
  int64_t cut = -1;
  ASSERT_OK_AND_ASSIGN(const PredictionLoss loss,
                       CompareMaskedPredictions(
                           {{a.weights(), b.weights()}, tokenizer_, &context_},
                           AsTextLines(texts), options_, &cut));
  EXPECT_EQ(cut, 0);
  EXPECT_EQ(loss.units, 35);
  EXPECT_EQ(loss.tokens_scored, static_cast<int64_t>(count));
  // The same floats unless a product of other rows rounds otherwise.
  EXPECT_NEAR(loss.kl.value / (kl / count), 1.0, 1e-5);
  EXPECT_DOUBLE_EQ(loss.same_top1.value, same / count);
  EXPECT_LT(*loss.kl.low, loss.kl.value);
  EXPECT_GT(*loss.kl.high, loss.kl.value);
}

TEST_F(CompareMaskedPredictionsTest, CountsLinesThatAreCut) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kLanguageModel));
  int64_t cut = -1;
  ASSERT_OK_AND_ASSIGN(
      const PredictionLoss loss,
      CompareMaskedPredictions(
          {{model.weights(), model.weights()}, tokenizer_, &context_},
          AsTextLines({"abcdef", "ab"}), {.context = 4}, &cut));
  EXPECT_EQ(cut, 1);
  EXPECT_EQ(loss.tokens_scored, 3 + 2);
  EXPECT_EQ(loss.kl.value, 0.0);
  EXPECT_EQ(loss.same_top1.value, 1.0);
}

TEST_F(CompareMaskedPredictionsTest, RefusesLinesOfSpecialTokensAlone) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kLanguageModel));
  int64_t cut = 0;
  EXPECT_THAT(
      CompareMaskedPredictions(
          {{model.weights(), model.weights()}, tokenizer_, &context_},
          AsTextLines({""}), options_, &cut),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not special")));
}

}  // namespace
}  // namespace ounce
