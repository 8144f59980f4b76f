#include "verify/sequence_to_sequence.h"

#include <cmath>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(EncodeTargetTest, BeginsAndEndsAsTheModelSays) {
  const LetterTokenizer tokenizer;
  ModelSpec spec = TinyEncoderDecoderSpec();
  int64_t cut = 0;
  // The tokenizer's own beginning, and the end that it does not add.
  EXPECT_THAT(*EncodeTarget("ab", spec, tokenizer, 9, &cut),
              ElementsAre(1, 10, 11, 3));
  // A forced beginning, a language say, is in place of the tokenizer's.
  spec.generation.forced_first_id = 7;
  EXPECT_THAT(*EncodeTarget("ab", spec, tokenizer, 9, &cut),
              ElementsAre(7, 10, 11, 3));
  // What ends by itself is not ended again.
  spec.stop_ids = {9, 11};
  EXPECT_THAT(*EncodeTarget("ab", spec, tokenizer, 9, &cut),
              ElementsAre(7, 10, 11));
  EXPECT_EQ(cut, 0);
  EXPECT_THAT(*EncodeTarget("abcd", spec, tokenizer, 3, &cut),
              ElementsAre(7, 10, 11));
  EXPECT_EQ(cut, 1);
}

class CompareSequenceToSequenceTest : public ::testing::Test {
 protected:
  absl::StatusOr<SequenceToSequenceLoss> Compare(
      const TinyModel& a, const TinyModel& b, absl::Span<const TextLine> lines,
      const LineOptions& options) {
    return CompareSequenceToSequence(
        {{a.weights(), b.weights()}, tokenizer_, &context_}, lines, options);
  }
  // Logits after each prefix of `seen`, each computed anew.
  Matrix LogitsOf(const TinyModel& model, absl::string_view source,
                  const std::vector<int32_t>& seen) {
    const std::vector<int32_t> ids = *tokenizer_.Encode(source, true);
    const Matrix encoded = HiddenOf(*model.weights().encoder, &context_, ids);
    Matrix logits(static_cast<int64_t>(seen.size()), 50);
    for (size_t t = 0; t < seen.size(); ++t) {
      Executor decoder(model.weights(), &context_, 64);
      decoder.SetSource(encoded.view(), {}).IgnoreError();
      Matrix hidden;
      decoder.Forward(absl::MakeConstSpan(seen).subspan(0, t + 1), &hidden)
          .IgnoreError();
      const auto row = static_cast<int64_t>(t);
      decoder.Logits(hidden.view().Rows(row, row + 1),
                     logits.view().Rows(row, row + 1));
    }
    return logits;
  }
  // The most probable text, each token found anew.
  std::vector<int32_t> GreedyOf(const TinyModel& model,
                                absl::string_view source, size_t limit) {
    std::vector<int32_t> seen = {4};
    while (seen.size() <= limit) {
      const Matrix logits = LogitsOf(model, source, seen);
      seen.push_back(ArgMax(RowOf(logits, logits.rows() - 1)));
      if (seen.back() == 3) break;
    }
    return {seen.begin() + 1, seen.end()};
  }
  struct Sums {
    double kl = 0, nll_float = 0, nll = 0, same = 0, count = 0;
  };
  void AddPlainly(const TinyModel& a, const TinyModel& b,
                  absl::string_view source, const std::vector<int32_t>& target,
                  Sums* sums) {
    std::vector<int32_t> seen = {4};
    seen.insert(seen.end(), target.begin(), target.end() - 1);
    const Matrix p = LogitsOf(a, source, seen);
    const Matrix q = LogitsOf(b, source, seen);
    const auto nll = [](absl::Span<const float> row, int32_t id) {
      double sum = 0;
      for (const float x : row) sum += std::exp(double{x});
      return std::log(sum) - double{row[static_cast<size_t>(id)]};
    };
    for (int64_t t = 0; t < p.rows(); ++t) {
      const int32_t id = target[static_cast<size_t>(t)];
      sums->kl += PlainKl(RowOf(p, t), RowOf(q, t));
      sums->nll_float += nll(RowOf(p, t), id);
      sums->nll += nll(RowOf(q, t), id);
      sums->same += ArgMax(RowOf(p, t)) == ArgMax(RowOf(q, t)) ? 1 : 0;
      sums->count += 1;
    }
  }
  // 1e-4: prefixes at once and one by one round otherwise.
  static void ExpectEqual(const PredictionLoss& loss, const Sums& sums) {
    EXPECT_EQ(loss.tokens_scored, static_cast<int64_t>(sums.count));
    EXPECT_NEAR(loss.kl.value / (sums.kl / sums.count), 1.0, 1e-4);
    EXPECT_NEAR(loss.ppl.value / std::exp(sums.nll / sums.count), 1.0, 1e-4);
    EXPECT_NEAR(loss.ppl_float.value / std::exp(sums.nll_float / sums.count),
                1.0, 1e-4);
    EXPECT_NEAR(loss.ppl_ratio.value /
                    std::exp((sums.nll - sums.nll_float) / sums.count),
                1.0, 1e-4);
    EXPECT_DOUBLE_EQ(loss.same_top1.value, sums.same / sums.count);
  }

  const TinyModel a_{TinyEncoderDecoderSpec()};
  const TinyModel b_{TinyEncoderDecoderSpec(), Codec::kF32, 2};

  ThreadPool pool_{2};
  KernelContext context_{*ParseIsa("native"), &pool_};
  const LetterTokenizer tokenizer_;
  const LineOptions options_ = {.context = 64};
};

TEST_F(CompareSequenceToSequenceTest, EqualsComparingEachTokenOfTheTargets) {
  const std::vector<std::string> texts = LetterLines(62);
  std::vector<TextLine> lines =
      AsTextLines(std::vector<std::string>(texts.begin(), texts.begin() + 31));
  for (size_t i = 0; i < 31; ++i) lines[i].first = texts[i];
  Sums sums;
  for (size_t i = 0; i < lines.size(); ++i) {
    lines[i].second = texts[31 + i];
    std::vector<int32_t> target = *tokenizer_.Encode(texts[31 + i], true);
    target.push_back(3);
    AddPlainly(a_, b_, texts[i], target, &sums);
  }
  ASSERT_OK_AND_ASSIGN(const SequenceToSequenceLoss loss,
                       Compare(a_, b_, lines, options_));
  EXPECT_EQ(loss.predictions.units, 31);
  EXPECT_EQ(loss.lines_cut, 0);
  EXPECT_EQ(loss.written, 0);
  ExpectEqual(loss.predictions, sums);
  EXPECT_LT(*loss.predictions.kl.low, *loss.predictions.kl.high);
}

TEST_F(CompareSequenceToSequenceTest, WithoutATargetTheFloatModelWritesIt) {
  ModelSpec spec = TinyEncoderDecoderSpec();
  spec.generation.max_tokens = 6;
  const TinyModel a(spec);
  const TinyModel b(spec, Codec::kF32, 2);
  const std::vector<std::string> texts = LetterLines(5);
  Sums sums;
  for (const std::string& text : texts) {
    AddPlainly(a, b, text, GreedyOf(a, text, 6), &sums);
  }
  std::vector<TextLine> lines(5);
  for (size_t i = 0; i < 5; ++i) lines[i].first = texts[i];
  ASSERT_OK_AND_ASSIGN(const SequenceToSequenceLoss loss,
                       Compare(a, b, lines, options_));
  EXPECT_EQ(loss.written, 5);
  ExpectEqual(loss.predictions, sums);
  // The first of equals is what it wrote: its own text, the likeliest.
  EXPECT_LT(loss.predictions.ppl_float.value, loss.predictions.ppl.value);
}

TEST_F(CompareSequenceToSequenceTest, KeepsToTheRulesOfTheModel) {
  ModelSpec spec = TinyEncoderDecoderSpec();
  spec.generation.max_tokens = 2;
  const TinyModel plain(spec);
  const std::vector<int32_t> wrote = GreedyOf(plain, "abc", 2);
  ASSERT_EQ(wrote.size(), 2u);
  // Forced to begin otherwise and forbidden what it would say then, the text is
  // another: its likelihood is that of 20 and of what is likeliest after it.
  const int32_t then = ArgMax(RowOf(LogitsOf(plain, "abc", {4, 20}), 1));
  spec.generation.forced_first_id = 20;
  spec.generation.suppressed_ids = {then, 49};
  const TinyModel ruled(spec);
  Matrix logits = LogitsOf(plain, "abc", {4, 20});
  logits.row(1)[then] = logits.row(1)[49] = -INFINITY;
  Sums sums;
  AddPlainly(ruled, ruled, "abc", {20, ArgMax(RowOf(logits, 1))}, &sums);
  ASSERT_OK_AND_ASSIGN(const SequenceToSequenceLoss loss,
                       Compare(ruled, ruled, {{1, "abc", {}, {}}}, options_));
  EXPECT_EQ(loss.predictions.kl.value, 0.0);
  EXPECT_NEAR(loss.predictions.ppl.value / std::exp(sums.nll / sums.count), 1.0,
              1e-4);
}

TEST_F(CompareSequenceToSequenceTest, CutsSourcesAndTargets) {
  std::vector<TextLine> lines = {{1, "abcdefgh", "ab", {}},
                                 {2, "ab", "abcdefgh", {}},
                                 {3, "abcdefgh", "abcdefgh", {}},
                                 {4, "ab", "ab", {}}};
  ASSERT_OK_AND_ASSIGN(const SequenceToSequenceLoss loss,
                       Compare(a_, b_, lines, {.context = 5}));
  EXPECT_EQ(loss.lines_cut, 3);
  EXPECT_EQ(loss.predictions.tokens_scored, 4 + 5 + 5 + 4);
}

// What keys and values of 8 bits cost is in the figures; the weights are alike.
TEST_F(CompareSequenceToSequenceTest, KeysAndValuesOfFewerBitsCostMore) {
  const std::vector<TextLine> lines = {{1, "abcdefgh", "ijklmnop", {}}};
  LineOptions options = options_;
  double last = 0.0;
  for (const KvType kv : {KvType::kF16, KvType::kInt8}) {
    options.kv = kv;
    ASSERT_OK_AND_ASSIGN(const SequenceToSequenceLoss loss,
                         Compare(a_, a_, lines, options));
    EXPECT_GT(loss.predictions.kl.value, last);
    last = loss.predictions.kl.value;
  }
}

TEST_F(CompareSequenceToSequenceTest, ErrorsNameTheLine) {
  EXPECT_THAT(Compare(a_, b_, {{5, "ab", "A", {}}}, options_),
              StatusIs(kInvalid, HasSubstr("line 5: no letter")));
  ModelSpec spec = TinyEncoderDecoderSpec();
  spec.generation.start_id = -1;
  const TinyModel aimless(spec);
  EXPECT_THAT(Compare(aimless, aimless, {{1, "ab", "ab", {}}}, options_),
              StatusIs(kInvalid, HasSubstr("decoder_start_token_id")));
}

}  // namespace
}  // namespace ounce
