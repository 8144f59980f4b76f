#include "compress/compress_report.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "core/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/status_matchers.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// As text, as a journal holds it.
Json Again(const Json& json) { return *ParseJson(json.Dump()); }

TensorReport SomeReport() {
  TensorReport report;
  report.name = "model.layers.0.mlp.up_proj.weight";
  report.method = "gptq with damping 0.1";
  report.fallback = "\"why\"\n\u00e9";
  report.snr_db = 1.0 / 3.0;
  report.pruned = 0.1;
  report.sparsity = 0.7;
  report.tiny_scales = int64_t{1} << 60;
  report.error_before = 1e-300;
  report.error_after = 0.0;
  report.seconds = 12.5;
  return report;
}

TEST(TensorReportJsonTest, ComesBackInEveryField) {
  const TensorReport report = SomeReport();
  ASSERT_OK_AND_ASSIGN(const TensorReport back,
                       ParseTensorReport(Again(TensorReportJson(report))));
  EXPECT_EQ(back.name, report.name);
  EXPECT_EQ(back.method, report.method);
  EXPECT_EQ(back.fallback, report.fallback);
  EXPECT_EQ(back.snr_db, report.snr_db);
  EXPECT_EQ(back.pruned, report.pruned);
  EXPECT_EQ(back.sparsity, report.sparsity);
  EXPECT_EQ(back.tiny_scales, report.tiny_scales);
  EXPECT_EQ(back.error_before, report.error_before);
  EXPECT_EQ(back.error_after, report.error_after);
  EXPECT_EQ(back.seconds, report.seconds);
}

TEST(TensorReportJsonTest, ExactCopiesAndMissingErrorsComeBack) {
  TensorReport report = SomeReport();
  report.snr_db = kInfinity;
  report.error_before = report.error_after = std::nullopt;
  ASSERT_OK_AND_ASSIGN(const TensorReport back,
                       ParseTensorReport(Again(TensorReportJson(report))));
  EXPECT_EQ(back.snr_db, kInfinity);
  EXPECT_EQ(back.error_before, std::nullopt);
  EXPECT_EQ(back.error_after, std::nullopt);
}

TEST(TensorReportJsonTest, RefusesWhatIsNone) {
  for (const char* text :
       {"null", "[]", "{}", "\"x\"", "{\"name\": 3}",
        "{\"name\": \"x\", \"method\": \"y\", \"fallback\": \"\"}"}) {
    EXPECT_THAT(ParseTensorReport(*ParseJson(text)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"")))
        << text;
  }
}

TEST(ChannelScaleReportJsonTest, ComesBackInEveryField) {
  ChannelScaleReport report;
  report.name = "model.layers.0.mlp.up_proj";
  report.method = "awq";
  report.alpha = 0.55;
  report.applied = true;
  report.error_before = 1.0 / 7.0;
  report.error_after = 1e-9;
  ASSERT_OK_AND_ASSIGN(
      ChannelScaleReport back,
      ParseChannelScaleReport(Again(ChannelScaleReportJson(report))));
  EXPECT_EQ(back.name, report.name);
  EXPECT_EQ(back.method, report.method);
  EXPECT_EQ(back.alpha, report.alpha);
  EXPECT_TRUE(back.applied);
  EXPECT_EQ(back.error_before, report.error_before);
  EXPECT_EQ(back.error_after, report.error_after);
  report.applied = false;
  ASSERT_OK_AND_ASSIGN(
      back, ParseChannelScaleReport(Again(ChannelScaleReportJson(report))));
  EXPECT_FALSE(back.applied);
}

// A block whose output overflows: the run must be one that can be resumed.
TEST(ChannelScaleReportJsonTest, ErrorsThatAreNoNumbersComeBack) {
  ChannelScaleReport report;
  report.error_before = report.error_after = std::nan("");
  ASSERT_OK_AND_ASSIGN(
      const ChannelScaleReport back,
      ParseChannelScaleReport(Again(ChannelScaleReportJson(report))));
  EXPECT_TRUE(std::isnan(back.error_before));
  EXPECT_TRUE(std::isnan(back.error_after));
}

TEST(ChannelScaleReportJsonTest, RefusesWhatIsNone) {
  for (const char* text : {"null", "{}", "{\"name\": \"x\"}",
                           "{\"name\": \"x\", \"method\": \"awq\"}"}) {
    EXPECT_THAT(ParseChannelScaleReport(*ParseJson(text)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")))
        << text;
  }
}

class PlannedReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tensor_.slot.name = "w";
    tensor_.slot.shape = {3, 64};
    plan_.tensor = &tensor_;
  }
  void Quantize(absl::string_view method) {
    rule_.method = *FindQuantizeMethod(method);
    plan_.quantize = &rule_;
  }

  BoundTensor tensor_;
  QuantizeRule rule_;
  TensorPlan plan_;
};

// 200 over 2: 20 dB.
TEST_F(PlannedReportTest, ReportsWhatAPassCounted) {
  Quantize("round_to_nearest");
  TensorStats stats;
  stats.square_sum = 200;
  stats.error_sum = 2;
  stats.weights = 192;
  stats.pruned = 48;
  stats.zeros = 96;
  stats.tiny_scales = 5;
  const TensorReport report = ReportOf(plan_, stats);
  EXPECT_EQ(report.name, "w");
  EXPECT_EQ(report.method, "round_to_nearest");
  EXPECT_THAT(report.fallback, IsEmpty());
  EXPECT_DOUBLE_EQ(report.snr_db, 20.0);
  EXPECT_EQ(report.pruned, 0.25);
  EXPECT_EQ(report.sparsity, 0.5);
  EXPECT_EQ(report.tiny_scales, 5);
  EXPECT_FALSE(report.error_before.has_value());
}

TEST_F(PlannedReportTest, NamesWhatMadeATensor) {
  TensorStats stats;
  stats.weights = 1;
  EXPECT_EQ(ReportOf(plan_, stats).method, "float");
  Quantize("gptq");
  const TensorReport report = ReportOf(plan_, stats);
  EXPECT_EQ(report.method, "round_to_nearest");
  EXPECT_THAT(report.fallback, HasSubstr("calibration does not see"));
}

TEST_F(PlannedReportTest, ARecordHasNameShapeCodecAndGroups) {
  plan_.codec = Codec::kInt4;
  plan_.group_size = 32;
  const TensorRecord record = RecordOf(plan_);
  EXPECT_EQ(record.name, "w");
  EXPECT_THAT(record.shape, ElementsAre(3, 64));
  EXPECT_EQ(record.codec, Codec::kInt4);
  EXPECT_EQ(record.group_size, 32);
}

TEST(WarnOfTensorsTest, SaysNothingOfTensorsAsPlanned) {
  CompressReport report;
  report.tensors.resize(3);
  WarnOfTensors(&report);
  EXPECT_THAT(report.warnings, IsEmpty());
}

// One warning for each tensor with tiny scales, one for each reason to fall
// back, behind those that were there.
TEST(WarnOfTensorsTest, NamesTheTensorsAndCountsThoseOfOneReason) {
  CompressReport report;
  report.warnings = {"first"};
  report.tensors.resize(5);
  for (size_t i = 0; i < 5; ++i) {
    report.tensors[i].name = std::string(1, static_cast<char>('a' + i));
    report.tensors[i].method = "round_to_nearest";
  }
  report.tensors[1].tiny_scales = 7;
  report.tensors[0].fallback = report.tensors[2].fallback =
      report.tensors[3].fallback = "no token";
  report.tensors[4].fallback = "other";
  WarnOfTensors(&report);
  EXPECT_THAT(
      report.warnings,
      ElementsAre("first",
                  AllOf(HasSubstr("tensor 'b'"), HasSubstr("7 groups")),
                  "tensor 'a' and 2 more fell back to round_to_nearest, "
                  "because no token",
                  "tensor 'e' fell back to round_to_nearest, because other"));
}

}  // namespace
}  // namespace ounce
