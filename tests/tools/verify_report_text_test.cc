#include "tools/verify_report_text.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace ounce {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

VerifyReport Report(LossKind kind) {
  VerifyReport report;
  report.kind = kind;
  report.context = 128;
  report.text.units = 40;
  report.text.tokens_scored = 900;
  report.text.kl = {0.02, 0.015, 0.03};
  report.text.ppl_ratio = {1.25, 1.125, 1.5};
  report.classification.lines = 41;
  report.classification.items = 41;
  report.classification.num_flips = 2;
  report.classification.flips = {0.05, 0.01, 0.1};
  report.embedding.lines = 42;
  report.embedding.cosine_distance = {0.001, {}, {}};
  report.embedding.similarity_change = {0.002, 0.001, 0.003};
  return report;
}

TEST(VerifyTextTest, ADecodersTextIsInWindows) {
  const std::string text = VerifyText(Report(LossKind::kDecoder));
  EXPECT_THAT(text, HasSubstr("40 windows of 128 tokens, 900 tokens scored; "
                              "95 % intervals\n"));
  EXPECT_THAT(text, HasSubstr("0.02000  [0.01500, 0.03000]"));
  EXPECT_THAT(text, HasSubstr("1.25000  [1.12500, 1.50000]"));
}

TEST(VerifyTextTest, SourcesAreLinesAndMayBeCutOrHaveNoTarget) {
  VerifyReport report = Report(LossKind::kSequenceToSequence);
  report.lines_cut = 2;
  report.lines_written = 5;
  report.kv = KvType::kInt8;
  const std::string text = VerifyText(report);
  EXPECT_THAT(text,
              HasSubstr("40 lines, 2 of them cut to 128 tokens, 5 targets "
                        "written by the float model, 900 tokens scored; "
                        "kv int8; 95 % intervals\n"));
  EXPECT_THAT(text, HasSubstr("perplexity ratio"));
}

TEST(VerifyTextTest, MaskedPredictionsHaveNoPerplexity) {
  const std::string text = VerifyText(Report(LossKind::kMaskedLanguageModel));
  EXPECT_THAT(text, HasSubstr("40 lines, 900 tokens scored, none masked; "));
  EXPECT_THAT(text, HasSubstr("same most probable token"));
  EXPECT_THAT(text, Not(HasSubstr("perplexity")));
}

TEST(VerifyTextTest, LabelsThatChangedAndAccuracy) {
  VerifyReport report = Report(LossKind::kSequenceLabels);
  const std::string without = VerifyText(report);
  EXPECT_THAT(without, HasSubstr("41 lines, 2 of 41 labels changed; "));
  EXPECT_THAT(without, HasSubstr("5.000  [1.000, 10.00]"));
  EXPECT_THAT(without, Not(HasSubstr("accuracy")));
  report.classification.accuracy_float = Estimate{0.9, 0.8, 1.0};
  report.classification.accuracy = Estimate{0.85, 0.75, 0.95};
  report.classification.accuracy_difference = Estimate{-0.05, -0.1, 0.0};
  const std::string with = VerifyText(report);
  EXPECT_THAT(with, HasSubstr("90.00  [80.00, 100.0]"));
  EXPECT_THAT(with, HasSubstr("-5.00  [-10.0, 0]"));
  report.kind = LossKind::kTokenLabels;
  EXPECT_THAT(VerifyText(report), HasSubstr("41 lines, 41 tokens labelled, "));
}

TEST(VerifyTextTest, EmbeddingsAndAMissingInterval) {
  const std::string text = VerifyText(Report(LossKind::kEmbedding));
  EXPECT_THAT(text, HasSubstr("42 lines; 95 % intervals\n"));
  EXPECT_THAT(text, HasSubstr("0.001000  (no interval: fewer than 30)"));
  EXPECT_THAT(text, HasSubstr("similarity of two lines"));
  EXPECT_THAT(text, Not(HasSubstr("KL")));
}

TEST(VerifyTextTest, NamesTheWorstTensorsAndTheGates) {
  VerifyReport report = Report(LossKind::kDecoder);
  report.tensors.push_back({"equal", "f32", 32, INFINITY, 0.0});
  report.tensors.push_back({"good", "int8", 8.5, 44.0, 0.1});
  report.tensors.push_back({"bad", "int4", 4.5, 20.25, 0.5});
  report.gates.push_back(MaxKlGate(report.text.kl, 0.02));
  const std::string text = VerifyText(report);
  EXPECT_LT(text.find("\nbad "), text.find("\ngood "));
  EXPECT_THAT(text, Not(HasSubstr("equal")));
  EXPECT_THAT(text, HasSubstr("gate max_kl: upper end 0.03000, limit 0.02000: "
                              "MISSED"));
}

}  // namespace
}  // namespace ounce
