#include "verify/classification.h"

#include <algorithm>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(DecideTest, OneLabelWinsOrEachIsDecidedAlone) {
  EXPECT_THAT(Decide({-1, 3, 3}, false), ElementsAre(false, true, false));
  EXPECT_THAT(Decide({-1, 3, 0}, true), ElementsAre(false, true, false));
  EXPECT_THAT(Decide({-1, -2, -3}, true), ElementsAre(false, false, false));
}

// scikit-learn's accuracy_score of the most probable label.
TEST(DecideTest, AgreesWithTheAccuracyOfScikitLearn) {
  const Json golden = GoldenMetrics();
  for (const char* set : {"binary", "three_class"}) {
    const Json* entry = golden.Find(set);
    ASSERT_NE(entry, nullptr);
    const Json::Array& rows = *entry->Find("probabilities")->AsArray();
    const std::vector<double> labels = Numbers(*entry->Find("labels"));
    double right = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<float> logits;
      for (const double p : Numbers(rows[i])) {
        logits.push_back(static_cast<float>(std::log(p)));
      }
      right += Decide(logits, false)[static_cast<size_t>(labels[i])] ? 1 : 0;
    }
    EXPECT_DOUBLE_EQ(right / static_cast<double>(rows.size()),
                     *entry->Find("accuracy")->AsDouble());
  }
}

TEST(ParseVerdictTest, TakesNamesBeforeNumbers) {
  ModelSpec spec;
  spec.labels = {"1", "no", "0"};
  EXPECT_THAT(*ParseVerdict("no", spec), ElementsAre(false, true, false));
  EXPECT_THAT(*ParseVerdict(" 1 ", spec), ElementsAre(true, false, false));
  EXPECT_THAT(*ParseVerdict("2", spec), ElementsAre(false, false, true));
  for (const char* unknown : {"yes", "3", "-1", "", "no,1"}) {
    EXPECT_THAT(ParseVerdict(unknown, spec),
                StatusIs(kInvalid, HasSubstr("expected a number from 0 to 2 or "
                                             "one of 1, no, 0")));
  }
}

TEST(ParseVerdictTest, IndependentLabelsMayBeSeveralOrNone) {
  ModelSpec spec;
  spec.labels = {"a", "b", "c"};
  spec.multi_label = true;
  EXPECT_THAT(*ParseVerdict("c, a", spec), ElementsAre(true, false, true));
  EXPECT_THAT(*ParseVerdict("1", spec), ElementsAre(false, true, false));
  EXPECT_THAT(*ParseVerdict("", spec), ElementsAre(false, false, false));
  EXPECT_THAT(ParseVerdict("a,d", spec),
              StatusIs(kInvalid, HasSubstr("\"d\"")));
}

class CompareClassificationTest : public ::testing::Test {
 protected:
  absl::StatusOr<ClassificationLoss> Compare(const TinyModel& a,
                                             const TinyModel& b,
                                             absl::Span<const TextLine> lines) {
    return CompareClassification(
        {{a.weights(), b.weights()}, tokenizer_, &context_}, lines, options_);
  }
  // A classifier's logits for one line, by an executor of its own.
  Matrix LogitsOf(const TinyModel& model, absl::string_view line) {
    const std::vector<int32_t> ids = *tokenizer_.Encode(line, true);
    const Matrix hidden = HiddenOf(model.weights(), &context_, ids);
    return Heads(model.weights(), &context_).LabelLogits({hidden.view()});
  }

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const LetterTokenizer tokenizer_;
  const LineOptions options_ = {.context = 64};
};

TEST_F(CompareClassificationTest, ModelDoesNotDivergeFromItself) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  ASSERT_OK_AND_ASSIGN(const ClassificationLoss loss,
                       Compare(model, model, AsTextLines(LetterLines(30))));
  EXPECT_EQ(loss.lines, 30);
  EXPECT_EQ(loss.items, 30);
  EXPECT_EQ(loss.lines_cut, 0);
  EXPECT_EQ(loss.kl.value, 0.0);
  EXPECT_EQ(*loss.kl.high, 0.0);
  EXPECT_EQ(loss.num_flips, 0);
  EXPECT_EQ(*loss.flips.high, 0.0);
  EXPECT_FALSE(loss.accuracy.has_value());
}

TEST_F(CompareClassificationTest, EqualsComparingTheLogitsOfEachText) {
  const TinyModel a(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  const TinyModel b(TinyEncoderSpec(HeadKind::kSequenceLabels, 3), Codec::kF32,
                    2);
  const std::vector<std::string> texts = LetterLines(40);
  double kl = 0, most = 0;
  int64_t flips = 0;
  for (const std::string& text : texts) {
    const Matrix p = LogitsOf(a, text);
    const Matrix q = LogitsOf(b, text);
    const double one = PlainKl(RowOf(p, 0), RowOf(q, 0));
    kl += one / 40;
    most = std::max(most, one);
    flips += Decide(RowOf(p, 0), false) != Decide(RowOf(q, 0), false);
  }
  ASSERT_GT(flips, 0);
  ASSERT_OK_AND_ASSIGN(const ClassificationLoss loss,
                       Compare(a, b, AsTextLines(texts)));
  // The same floats, in sums of another order.
  EXPECT_NEAR(loss.kl.value, kl, 1e-9);
  EXPECT_NEAR(loss.kl_percentiles.max, most, 1e-9);
  EXPECT_EQ(loss.num_flips, flips);
  EXPECT_DOUBLE_EQ(loss.flips.value, static_cast<double>(flips) / 40);
  EXPECT_LE(*loss.flips.low, loss.flips.value);
  EXPECT_GE(*loss.flips.high, loss.flips.value);
}

// Softmax over (x, 0) gives yes and no the probabilities of the logistic
// function: each label is a choice between two.
TEST_F(CompareClassificationTest, IndependentLabelsAddUp) {
  for (const int64_t labels : {1, 3}) {
    ModelSpec spec = TinyEncoderSpec(HeadKind::kSequenceLabels, labels);
    spec.multi_label = labels > 1;
    const TinyModel a(spec);
    const TinyModel b(spec, Codec::kF32, 2);
    const std::vector<std::string> texts = LetterLines(10);
    double kl = 0;
    int64_t flips = 0;
    for (const std::string& text : texts) {
      const Matrix p = LogitsOf(a, text);
      const Matrix q = LogitsOf(b, text);
      bool flip = false;
      for (int64_t i = 0; i < labels; ++i) {
        kl += PlainKl({p.row(0)[i], 0}, {q.row(0)[i], 0}) / 10;
        flip = flip || (p.row(0)[i] > 0) != (q.row(0)[i] > 0);
      }
      flips += flip;
    }
    ASSERT_OK_AND_ASSIGN(const ClassificationLoss loss,
                         Compare(a, b, AsTextLines(texts)));
    EXPECT_NEAR(loss.kl.value, kl, 1e-9);
    EXPECT_EQ(loss.num_flips, flips);
  }
}

TEST_F(CompareClassificationTest, TokensCountOneByOneWithoutSpecialOnes) {
  const TinyModel a(TinyEncoderSpec(HeadKind::kTokenLabels, 4));
  const TinyModel b(TinyEncoderSpec(HeadKind::kTokenLabels, 4), Codec::kF32, 2);
  const std::vector<std::string> texts = LetterLines(35);
  double kl = 0;
  int64_t tokens = 0, flips = 0;
  for (const std::string& text : texts) {
    const Matrix p = LogitsOf(a, text);
    const Matrix q = LogitsOf(b, text);
    // The first is the beginning of the text.
    for (int64_t row = 1; row < p.rows(); ++row) {
      ++tokens;
      kl += PlainKl(RowOf(p, row), RowOf(q, row));
      flips += Decide(RowOf(p, row), false) != Decide(RowOf(q, row), false);
    }
  }
  ASSERT_OK_AND_ASSIGN(const ClassificationLoss loss,
                       Compare(a, b, AsTextLines(texts)));
  EXPECT_EQ(loss.lines, 35);
  EXPECT_EQ(loss.items, tokens);
  // Over tokens, not over lines: long lines weigh more.
  EXPECT_NEAR(loss.kl.value, kl / static_cast<double>(tokens), 1e-9);
  EXPECT_EQ(loss.num_flips, flips);
}

TEST_F(CompareClassificationTest, AccuracyIsOfTheLinesLabels) {
  const TinyModel a(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  const TinyModel b(TinyEncoderSpec(HeadKind::kSequenceLabels, 3), Codec::kF32,
                    2);
  const std::vector<std::string> texts = LetterLines(40);
  std::vector<TextLine> lines = AsTextLines(texts);
  // The float model's own labels, but the last ten, of which none is right.
  const std::vector<std::string> names = {"label A", "1", "label C"};
  double right = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Verdict p = Decide(RowOf(LogitsOf(a, texts[i]), 0), false);
    auto winner =
        static_cast<size_t>(std::find(p.begin(), p.end(), true) - p.begin());
    if (i >= 30) winner = (winner + 1) % 3;
    lines[i].label = names[winner];
    right += Decide(RowOf(LogitsOf(b, texts[i]), 0), false)[winner] ? 1 : 0;
  }
  ASSERT_OK_AND_ASSIGN(const ClassificationLoss loss, Compare(a, b, lines));
  ASSERT_TRUE(loss.accuracy.has_value());
  EXPECT_DOUBLE_EQ(loss.accuracy_float->value, 0.75);
  EXPECT_DOUBLE_EQ(loss.accuracy->value, right / 40);
  EXPECT_DOUBLE_EQ(loss.accuracy_difference->value, right / 40 - 0.75);
  EXPECT_LT(*loss.accuracy_difference->low, *loss.accuracy_difference->high);
}

TEST_F(CompareClassificationTest, RefusesLabelsThatCannotBe) {
  const std::vector<std::string> texts = {"ab", "cd"};
  std::vector<TextLine> lines = AsTextLines(texts);
  lines[0].label = "label B";
  lines[1].label = "other";
  const TinyModel model(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  EXPECT_THAT(Compare(model, model, lines),
              StatusIs(kInvalid, HasSubstr("line 2: label \"other\"")));
  const TinyModel tokens(TinyEncoderSpec(HeadKind::kTokenLabels, 3));
  EXPECT_THAT(Compare(tokens, tokens, lines),
              StatusIs(kInvalid, HasSubstr("the model labels tokens")));
  const TinyModel score(TinyEncoderSpec(HeadKind::kSequenceLabels, 1));
  EXPECT_THAT(Compare(score, score, lines),
              StatusIs(kInvalid, HasSubstr("a score and no label")));
}

TEST_F(CompareClassificationTest, RefusesLinesWithNothingToLabel) {
  const TinyModel model(TinyEncoderSpec(HeadKind::kTokenLabels, 3));
  EXPECT_THAT(Compare(model, model, AsTextLines({"", ""})),
              StatusIs(kInvalid, HasSubstr("not special")));
}

TEST_F(CompareClassificationTest, ReportsLogitsThatAreNotFinite) {
  TinyModel model(TinyEncoderSpec(HeadKind::kSequenceLabels, 3));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(model.source().MutableBytes("classifier.bias"), &nan, 4);
  model.Bind();
  EXPECT_THAT(Compare(model, model, AsTextLines({"ab"})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not finite")));
}

}  // namespace
}  // namespace ounce
